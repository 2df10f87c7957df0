#pragma once
#include <chrono>
#include <string>

#include "launcher/process/subprocess.h"

namespace llmrun {

/// What a short command answered, its two streams apart.
struct Answer {
  ExitStatus status;
  std::string out, err;
  bool late = false;  // it did not end in time and was killed: out and err are what had come
};

/// Runs a command to its end, or for `most`. Throws Error(Exit::preflight) where argv[0] is not on the PATH.
Answer ask(Command command, std::chrono::milliseconds most);

}  // namespace llmrun
