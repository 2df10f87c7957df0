#pragma once
#include <string>

namespace llmrun {

/// A part of llmrun that needs a library which may not be there: MPI, PMIx, NCCL. Opened when it is used and never closed.
struct Module {
  void* handle = nullptr;  // null: it cannot be had, and `missing` says why
  std::string missing;
  /// Throws Error(Exit::failed) when the module has no such function: it is of another build.
  void* function(const char* name) const;
};

/// Looks for NAME.so in $LLMRUN_MODULES, then beside the executable's folder in ../lib and ../lib/llmrun.
Module open_module(const std::string& name);

}  // namespace llmrun
