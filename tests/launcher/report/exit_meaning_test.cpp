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

TEST_CASE("a foreign program that ends with 75 was not stopped") {
  CHECK(was_stopped(75, ExitCodes::ours));
  CHECK(!was_stopped(75, ExitCodes::foreign));
  CHECK(was_stopped(130, ExitCodes::foreign));
  CHECK(!was_stopped(1, ExitCodes::ours));
}

TEST_CASE("only a foreign program knows what its exit codes mean; signals have their names all the same") {
  for (const int code : {1, 3, 5, 75, 93, 205}) CHECK(exit_text(code, ExitCodes::foreign) == fmt::format("exit {}", code));
  CHECK(exit_text(3) == "exit 3: invalid configuration");
  CHECK(exit_text(139, ExitCodes::foreign) == "exit 139: signal 11 (SIGSEGV)");
  CHECK(exit_text(143, ExitCodes::foreign) == "exit 143: signal 15 (SIGTERM)");
  CHECK(exit_meaning(0, ExitCodes::foreign) == "done");
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
