#pragma once
#include <csignal>

namespace llmrun::cli {

/// While it lives, Ctrl-C asks to leave instead of ending the process; a second one ends it, whatever we still wait for. A shell's
/// background job, which ignores Ctrl-C, goes on doing so. One at a time.
class UntilCtrlC {
 public:
  UntilCtrlC();
  UntilCtrlC(const UntilCtrlC&) = delete;
  UntilCtrlC& operator=(const UntilCtrlC&) = delete;
  ~UntilCtrlC();
  /// Also after its end, until the next one begins.
  static bool pressed();

 private:
  struct sigaction before_ {};
};

}  // namespace llmrun::cli
