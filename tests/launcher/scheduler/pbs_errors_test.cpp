#include "launcher/scheduler/pbs_errors.h"

#include <fstream>
#include <sstream>

#include "tests/support/test.h"

using namespace llmrun;

namespace {

struct Recorded {
  int code = 0;
  std::string name, line;  // the last one on stderr
};

/// Every error that the recorded server gave: exit code, call, last line of stderr.
std::vector<Recorded> recorded_errors() {
  std::vector<Recorded> rows;
  std::ifstream in(std::string(LLMRUN_SOURCE_DIR) + "/tests/data/pbs/errors.tsv");
  std::string line;
  std::getline(in, line);  // the header
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string code, name, text;
    std::getline(fields, code, '\t');
    std::getline(fields, name, '\t');
    std::getline(fields, text);
    rows.push_back({std::stoi(code), name, text});
  }
  return rows;
}

Error of(const Recorded& row) {
  Answer answer;
  answer.status.code = row.code;
  answer.err = "a warning before it\n" + row.line + "\n";
  return pbs_error("qsub", answer);
}

}  // namespace

TEST_CASE("Q1: every error line that was recorded comes back in its own words, and only a server that is away is exit 6") {
  const std::vector<Recorded> rows = recorded_errors();
  REQUIRE(rows.size() == 102);
  for (const Recorded& row : rows) {
    CAPTURE(row.name);
    const Error error = of(row);
    CHECK(std::string(error.what()) == row.line);
    const bool away = row.name.starts_with("srvdown.") || row.name == "err.no_server_name" || row.name == "err.unknown_server_host" ||
                      row.name == "err.server_unreachable";
    CHECK(error.code() == (away ? Exit::unreachable : Exit::preflight));
  }
}

TEST_CASE("Q1: what people meet at submit has a remedy") {
  for (const Recorded& row : recorded_errors()) {
    for (const char* name : {"err.no_account", "err.no_walltime", "err.no_filesystems", "err.bad_filesystem", "err.unknown_queue",
                             "err.walltime_over_queue_max", "err.queue_route_only", "err.crlf_script", "comment.queue_disabled.submit",
                             "limit.debug_scaling_2", "srvdown.qsub"}) {
      if (row.name != name) continue;
      CAPTURE(row.line);
      CHECK_FALSE(of(row).complaints().back().hint.empty());
    }
  }
}
