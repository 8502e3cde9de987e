#!/bin/sh
# Builds byo's operators for ONNX Runtime: native/build/libbyo.so (.dylib on macOS), for this machine's processor.
# CXX names another compiler than c++, CXXFLAGS are more options for it, an argument names another file.
set -eu
compiler=${CXX:-c++}
if ! command -v "$compiler" > /dev/null; then
  echo "native operators: there is no C++ compiler '$compiler'; install one (Debian: apt install g++) or name it by CXX" >&2
  exit 1
fi
source=$(cd "$(dirname "$0")" && pwd)
case $(uname) in Darwin) extension=dylib ;; *) extension=so ;; esac
library=${1:-$source/build/libbyo.$extension}
target=-march=native
echo 'int main() {}' | "$compiler" $target -x c++ -fsyntax-only - 2> /dev/null || target=-mcpu=native
mkdir -p "$(dirname "$library")"
"$compiler" -std=c++17 -O3 -fno-math-errno -fno-trapping-math $target -Wall -Wextra -Wno-psabi ${CXXFLAGS:-} -fPIC -shared -o "$library.$$" "$source/operators.cpp"
mv "$library.$$" "$library"
echo "$library"
