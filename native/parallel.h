#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>

namespace byo {

/** Runs a task for each of 0 … count - 1, on several threads. */
using Parallel = std::function<void(int count, const std::function<void(int)>& task)>;

/** Tasks that share `count` things as evenly as can be: begin … end - 1 each. */
template <typename Task>
inline void inTasks(const Parallel& parallel, int tasks, int64_t count, const Task& task) {
  parallel(tasks, [&](int i) { task(i, count * i / tasks, count * (i + 1) / tasks); });
}

/** Tasks of an operator at most. */
constexpr int64_t MOST_TASKS = 64;

/**
 * Tasks for `count` things of some work together, each of `least` work or more; whatever the number of threads, so that sums have one
 * order.
 */
inline int tasksFor(int64_t count, int64_t work, int64_t least) {
  return int(std::max<int64_t>(1, std::min({MOST_TASKS, count, work / least})));
}

}  // namespace byo
