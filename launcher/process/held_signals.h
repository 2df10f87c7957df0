#pragma once
#include <csignal>

namespace llmrun {

/// SIGINT, SIGTERM, SIGHUP and SIGUSR1 do nothing by themselves for as long as this lives, and those that are still unread at its end are
/// dropped: whoever holds them has stopped by then, and a second Ctrl-C must not take away the word of how. Of the calling thread; a child
/// (Subprocess) begins with none held. May be nested.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals();
  const sigset_t& set() const { return set_; }

 private:
  sigset_t set_{}, before_{};
};

}  // namespace llmrun
