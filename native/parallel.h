#pragma once

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

}  // namespace byo
