#include "launcher/process/held_signals.h"

#include <unistd.h>

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("K3: a signal to stop that comes while the end is written down is dropped, one that comes later is not") {
  struct sigaction counts {};
  static volatile sig_atomic_t seen;
  seen = 0;
  counts.sa_handler = [](int) { seen = seen + 1; };
  struct sigaction before {};
  ::sigaction(SIGINT, &counts, &before);
  {
    const HeldSignals outer;
    {
      const HeldSignals inner;
      ::kill(::getpid(), SIGINT);
    }
    CHECK(seen == 0);
    ::kill(::getpid(), SIGINT);
    ::kill(::getpid(), SIGTERM);  // would end this program
  }
  CHECK(seen == 0);
  ::kill(::getpid(), SIGINT);
  CHECK(seen == 1);
  ::sigaction(SIGINT, &before, nullptr);
}
