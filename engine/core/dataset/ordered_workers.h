#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace llmrun {

/// Calls make(i) for i in [begin, end) on `workers` threads, and use(i, result) on the calling thread in ascending order. At most
/// 2 x workers results wait at any time, so memory is bounded whatever the speeds. The exception of the smallest i is the one that is
/// thrown, after every use before it: what the caller sees does not depend on the timing. REQUIRES workers >= 1, Result movable.
template <typename Result>
void ordered_workers(int workers, int64_t begin, int64_t end, const std::function<Result(int64_t)>& make,
                     const std::function<void(int64_t, Result)>& use) {
  struct Made {
    Result result;
    std::exception_ptr failure;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::map<int64_t, Made> waiting;
  int64_t next = begin, used = begin;
  bool stop = false;

  const auto work = [&] {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return stop || next >= end || next < used + 2 * workers; });
      if (stop || next >= end) return;
      const int64_t mine = next++;
      lock.unlock();
      Made made;
      try {
        made.result = make(mine);
      } catch (...) {
        made.failure = std::current_exception();
      }
      lock.lock();
      waiting.emplace(mine, std::move(made));
      changed.notify_all();
    }
  };

  std::vector<std::jthread> threads;
  // Declared after the threads, so it runs before they are joined, however this function is left.
  struct Stopper {
    std::mutex& mutex;
    std::condition_variable& changed;
    bool& stop;
    ~Stopper() {
      const std::scoped_lock lock(mutex);
      stop = true;
      changed.notify_all();
    }
  } const stopper{mutex, changed, stop};
  threads.reserve(static_cast<size_t>(workers));
  for (int worker = 0; worker < workers; ++worker) threads.emplace_back(work);

  while (used < end) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting.contains(used); });
    Made made = std::move(waiting.extract(used).mapped());
    lock.unlock();
    if (made.failure) std::rethrow_exception(made.failure);
    use(used, std::move(made.result));
    lock.lock();
    ++used;
    changed.notify_all();
  }
}

}  // namespace llmrun
