#!/usr/bin/env bash
# Makes one archive that runs byo on a Linux x64 machine without network and without Node (docs/bundle.md):
#
#     bash scripts/bundle.sh [FOLDER]     # FOLDER/byo-VERSION-linux-x64.tar.xz; the folder is bundle where left out
#
# Takes what this project has installed and built, the Node that runs here, and this machine's Vulkan loader. The same inputs
# give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-bundle}
LIMIT_MIB=60

fail() { echo "error: $1" >&2; exit 1; }

[ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || fail "a bundle for Linux x64 is made on Linux x64, but this is $(uname -sm)"
command -v xz >/dev/null || fail 'the archive is compressed with xz, which is not installed (Debian: xz-utils)'
[ -f dist/cli/main.js ] || fail 'dist has no program; run make build first'

node=$(node -p process.execPath)
# Distributions may build Node as a small program around a library of its own, which would be missing elsewhere.
if ldd "$node" | grep -q 'libnode\.so'; then
  fail "$node needs libnode.so; put the Node of nodejs.org first on the PATH, which stands alone"
fi
version=$(node -p 'require("./package.json").version')
name=byo-$version-linux-x64
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/$name
mkdir -p "$stage/app" "$stage/lib"

# What runs, without what only developers and other platforms need. onnxruntime-node is its shared library alone: byo calls that
# through koffi, and the package's other dependencies serve its JavaScript and its installer.
{ npm ls --omit=dev --all --parseable 2>/dev/null || true; } \
  | sed -nE "s,^$PWD/(node_modules/(@[^/]+/)?[^/]+)\$,\1,p" \
  | grep -vE '^node_modules/(onnxruntime-(node|common)|adm-zip|global-agent|@types/.*)$' | sort -u > "$work/packages"
tar -c --exclude='*.map' --exclude='*.ts' --exclude='*.mts' --exclude='*.cts' --exclude='*.debug.js' --exclude='*.min.js' --exclude='.built' \
    --exclude='*.tsbuildinfo' --exclude='node_modules/bare-*/prebuilds' \
    --exclude='node_modules/koffi/vendor' --exclude='node_modules/koffi/doc' --exclude='koffi-linux-x64/musl_x64' \
    bin dist docs native/*.cpp native/*.h native/build.sh LICENSE package.json -T "$work/packages" | tar -x -C "$stage/app"
runtime=node_modules/onnxruntime-node
mkdir -p "$stage/app/$runtime/bin/napi-v6/linux/x64"
cp $runtime/package.json $runtime/README.md "$stage/app/$runtime/"
cp $runtime/bin/napi-v6/linux/x64/libonnxruntime.so.1 "$stage/app/$runtime/bin/napi-v6/linux/x64/"

cp "$node" "$stage/lib/node"
chmod 755 "$stage/lib/node"
if command -v strip >/dev/null && strip -o "$work/stripped" "$node" 2>/dev/null \
    && [ "$("$work/stripped" -p '6 * 7' 2>/dev/null)" = 42 ]; then
  mv "$work/stripped" "$stage/lib/node"
fi
for license in "$(dirname "$node")/../LICENSE" /usr/share/doc/nodejs/copyright /usr/share/doc/nodejs/LICENSE; do
  if [ -f "$license" ]; then cp "$license" "$stage/lib/node.LICENSE"; break; fi
done

loader=$({ ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | sed -nE 's/^\s*libvulkan\.so\.1 \(.*x86-64.*\) => (.*)$/\1/p' | head -n 1)
if [ -n "$loader" ]; then
  loader=$(readlink -f "$loader")
  cp "$loader" "$stage/lib/libvulkan.so.1"
  chmod 644 "$stage/lib/libvulkan.so.1"
  if [ -f /usr/share/doc/libvulkan1/copyright ]; then cp /usr/share/doc/libvulkan1/copyright "$stage/lib/libvulkan.LICENSE"; fi
  vulkan="lib/libvulkan.so.1 is the Vulkan loader of the Khronos Group, Apache-2.0 (https://github.com/KhronosGroup/Vulkan-Loader),
  as this file of the machine that made the bundle: $(basename "$loader")."
else
  echo "no libvulkan.so.1 is installed here (Debian's package is libvulkan1): the bundle has no Vulkan loader, so --device webgpu" \
    "needs one on the machine that it goes to" >&2
  vulkan='There is no Vulkan loader inside: --device webgpu needs libvulkan.so.1 of the machine.'
fi
# For machines whose NVIDIA driver came without its manifest, as in many containers.
cat > "$stage/lib/nvidia_icd.json" <<'END'
{ "file_format_version": "1.0.0", "ICD": { "library_path": "libGLX_nvidia.so.0", "api_version": "1.3.0" } }
END

cat > "$stage/byo" <<'END'
#!/bin/sh
# Runs byo from this folder, wherever it lies, with the Node and the libraries in it.
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib
export LD_LIBRARY_PATH
exec "$here/lib/node" "$here/app/bin/byo.js" "$@"
END
chmod 755 "$stage/byo"

newest() { find "$stage" -type f \( -name '*.node' -o -name '*.so*' -o -path '*/lib/node' \) -exec grep -aohE "$1_[0-9.]+[0-9]" {} + \
  | sort -uV | tail -n 1; }
needs="$(newest GLIBC | tr _ ' '), libstdc++ with $(newest GLIBCXX)"
cat > "$stage/README" <<END
byo $version for Linux x64, without network and without Node. Run ./byo from anywhere, or link to it from a folder on the PATH:

    ./byo doctor
    ./byo --help

On a GPU: ./byo doctor says whether its driver is found. If not, name the driver's manifest, or take lib/nvidia_icd.json:

    VK_DRIVER_FILES=\$PWD/lib/nvidia_icd.json ./byo doctor

app/docs/bundle.md has the details. Needs $needs.

Inside: lib/node is Node.js $(node -p process.version) (MIT, with parts under other licenses:
  https://github.com/nodejs/node/blob/$(node -p process.version)/LICENSE).
  app/node_modules/onnxruntime-node holds ONNX Runtime $(node -p "require('./$runtime/package.json').version") (MIT, https://github.com/microsoft/onnxruntime).
  Each package in app/node_modules says its own license. byo's own is Apache-2.0, app/LICENSE.
  $vulkan
END

mkdir -p "$folder"
# With gzip it would have more than 60 MiB. A fixed number of threads gives the same bytes on any number of cores.
archive=$folder/$name.tar.xz
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,u-s --mtime=@0 -c "$name" \
  | xz -6 --threads=2 > "$work/archive"
bytes=$(stat -c %s "$work/archive")
[ "$bytes" -lt $((LIMIT_MIB * 1024 * 1024)) ] || fail "the archive has $bytes bytes, more than $LIMIT_MIB MiB"
mv "$work/archive" "$archive"
echo "$archive: $(awk "BEGIN { printf \"%.1f\", $bytes / 1048576 }") MiB; needs $needs"
