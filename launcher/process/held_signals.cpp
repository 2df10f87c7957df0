#include "launcher/process/held_signals.h"

#include <ctime>
#include <initializer_list>

namespace llmrun {

HeldSignals::HeldSignals() {
  ::sigemptyset(&set_);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::sigaddset(&set_, number);
  ::sigprocmask(SIG_BLOCK, &set_, &before_);
}

HeldSignals::~HeldSignals() {
  constexpr timespec kNow{};
  while (::sigtimedwait(&set_, nullptr, &kNow) > 0) continue;
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace llmrun
