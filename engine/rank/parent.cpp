#include "engine/rank/parent.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace llmrun {
namespace {

pid_t parent = 0;  // a signal handler reaches nothing but globals

/// The kernel sends the signal when the thread that forked us ends, and mpirun forks many ranks from threads that do not stay: so look.
void look_for_parent(int) {
  if (::getppid() != parent) ::kill(::getpid(), SIGKILL);
}

}  // namespace

void end_with_parent() {
  parent = ::getppid();
  const int number = SIGRTMAX - 1;  // nobody else's: launchers pass SIGUSR2 on
  struct sigaction action {};
  action.sa_handler = look_for_parent;
  action.sa_flags = SA_RESTART;
  ::sigaction(number, &action, nullptr);
  ::prctl(PR_SET_PDEATHSIG, number);
  look_for_parent(number);  // it may have died before prctl
}

}  // namespace llmrun
