#include "launcher/report/exit_meaning.h"

#include <set>

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("an exit code is told by its row, by its signal, or as a program's own") {
  CHECK(exit_meaning(75) == "stopped before its walltime, to be continued");
  CHECK(exit_meaning(130) == "signal 2 (SIGINT)");
  CHECK(exit_meaning(137) == "signal 9 (SIGKILL)");
  CHECK(exit_meaning(205) == "failed");  // mpirun, of a host that it lost: no signal has that number
  CHECK(exit_meaning(17) == "failed");
}

TEST_CASE("every exit code stands once, with words for the manual") {
  std::set<int> codes;
  for (const ExitMeaning& row : exit_meanings()) {
    CHECK(codes.insert(static_cast<int>(row.code)).second);
    CHECK_FALSE(row.full.empty());
  }
  for (const Exit code : {Exit::done, Exit::hang, Exit::no_progress, Exit::interrupted, Exit::terminated})
    CHECK(codes.contains(static_cast<int>(code)));
}
