#include "cli/ui/ctrl_c.h"

namespace llmrun::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

UntilCtrlC::UntilCtrlC() {
  interrupted = 0;
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGINT, &action, &before_);
  if (before_.sa_handler == SIG_IGN) ::sigaction(SIGINT, &before_, nullptr);
}

UntilCtrlC::~UntilCtrlC() { ::sigaction(SIGINT, &before_, nullptr); }

bool UntilCtrlC::pressed() { return interrupted != 0; }

}  // namespace llmrun::cli
