#include "launcher/site/hostfile.h"

#include "tests/support/test.h"

namespace llmrun {
namespace {

/// "n1:4 n2:0": what a file means, in one line; 0 where no slots are said.
std::string hosts(std::string_view text) {
  std::string shown;
  for (const Host& host : parse_hostfile(text, "hosts").hosts)
    shown += (shown.empty() ? "" : " ") + fmt::format("{}:{}", host.name, host.slots);
  return shown;
}

/// The complaints of a file that is refused, "LINE what" each.
std::vector<std::string> refusals(std::string_view text) {
  try {
    parse_hostfile(text, "hosts");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    std::vector<std::string> list;
    for (const Complaint& complaint : error.complaints())
      list.push_back(fmt::format("{} {}", complaint.at ? complaint.at->line : 0, complaint.what));
    return list;
  }
  return {};
}

}  // namespace

TEST_CASE("L1: a hostfile means what people mean by it") {
  struct Row {
    const char* text;
    const char* means;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"n1\nn2\n", "n1:0 n2:0"},
           {"n1", "n1:0"},
           {"n1:4\nn2:2\n", "n1:4 n2:2"},
           {"n1 slots=4\nn2\tslots=2\n", "n1:4 n2:2"},
           {"\n  \n# a comment\nn1 # its GPU 3 is broken\n\n", "n1:0"},
           {"n1\nn1\nn2\nn1\n", "n1:3 n2:0"},
           {"n1:2\nn1:3\n", "n1:5"},
           {"n1:2\nn1\n", "n1:3"},
           {"x3006c0s13b0n0.hsn.cm.polaris.alcf.anl.gov\n", "x3006c0s13b0n0.hsn.cm.polaris.alcf.anl.gov:0"},
           {"10.0.0.7:8\n", "10.0.0.7:8"},
           {"n1\r\nn2:2\r\n", "n1:0 n2:2"},
           {"\xEF\xBB\xBFn1\n", "n1:0"},
       }) {
    CAPTURE(row.text);
    CHECK(hosts(row.text) == row.means);
  }
}

TEST_CASE("L1: oddities are accepted with a note") {
  CHECK(parse_hostfile("n1\n", "hosts").notes.empty());
  const HostList odd = parse_hostfile("\xEF\xBB\xBFn1\r\n", "hosts");
  REQUIRE(odd.notes.size() == 2);
  CHECK(odd.notes[0] == "'hosts' begins with a byte order mark: ignored");
  CHECK(odd.notes[1] == "'hosts' has CRLF line ends: accepted");
}

TEST_CASE("L1: what is no host is refused with its line") {
  struct Row {
    const char* text;
    int line;
  };
  for (const Row& row : std::initializer_list<Row>{{"n1\n-n2\n", 2},
                                                   {"--mca\n", 1},
                                                   {"n1\n$(reboot)\n", 2},
                                                   {"n_1\n", 1},
                                                   {"n1-\n", 1},
                                                   {"n..1\n", 1},
                                                   {".n1\n", 1},
                                                   {"n1:0\n", 1},
                                                   {"n1:-2\n", 1},
                                                   {"n1:four\n", 1},
                                                   {"n1:99999999999999999999\n", 1},
                                                   {"n1 slots=\n", 1},
                                                   {"n1 max_slots=4\n", 1},
                                                   {"n1\nn2\n\n\xC3\x28\n", 4},
                                                   {"n\xC3\n", 1},
                                                   {"\x1b]0;x\x07\n", 1}}) {
    CAPTURE(row.text);
    const std::vector<std::string> list = refusals(row.text);
    REQUIRE(list.size() == 1);
    CHECK(list[0].starts_with(std::to_string(row.line) + " hostfile: "));
  }
  CHECK(refusals("-a\nn1\n-b\n").size() == 2);  // every bad line, at once
  CHECK(refusals(std::string(64, 'n') + "\n").size() == 1);
  CHECK(refusals(std::string(63, 'n') + "\n").empty());
}

TEST_CASE("L1: a file without a host is refused") {
  for (const char* text : {"", "\n\n", "# nobody\n", "\xEF\xBB\xBF"})
    CHECK(refusals(text) == std::vector<std::string>{"0 hostfile 'hosts' names no host"});
}

TEST_CASE("L1: a hundred thousand lines are read") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += fmt::format("nid{:06}:4\n", i);
  CHECK(parse_hostfile(text, "hosts").hosts.size() == 100'000);
}

}  // namespace llmrun
