#pragma once

#include <functional>

namespace byo {

/** Runs a task for each of 0 … count - 1, on several threads. */
using Parallel = std::function<void(int count, const std::function<void(int)>& task)>;

}  // namespace byo
