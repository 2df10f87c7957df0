#pragma once
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

namespace llmrun {

/// Locks an open file for this process alone; false with errno where another one still holds it after `patience`. A process that is killed
/// holds its lock until its memory is given back: for gigabytes a good part of a second after its shell says that it is gone.
inline bool take_lock(int descriptor, std::chrono::milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return false;
    ::usleep(10'000);
  }
}

}  // namespace llmrun
