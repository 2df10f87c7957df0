// The hostile YAML of the fault list, Y1 to Y9: each ends in an error with its place, soon, and never in a crash.
#include "launcher/profile/yaml.h"

#include <ctime>

#include "tests/support/test.h"

using namespace llmrun;

namespace {

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// "line:column what" of every complaint.
std::vector<std::string> complaints(const std::string& text) {
  std::vector<std::string> told;
  try {
    read_yaml(text, "run.yaml");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::config);
    for (const Complaint& complaint : error.complaints()) {
      CHECK_MESSAGE(complaint.hint != "", complaint.what);
      const Place place = complaint.at.value_or(Place{});
      told.push_back(fmt::format("{}:{} {}", place.line, place.column, complaint.what));
    }
  }
  return told;
}

using Told = std::vector<std::string>;

}  // namespace

TEST_CASE("a run file becomes a tree in which every node knows its place") {
  const Value root = read_yaml("model: gpt-tiny\nparallel: {tensor: 2, layers_per_stage: [2, 1]}\n", "run.yaml");
  CHECK(root.find("model")->text == "gpt-tiny");
  CHECK(root.find("model")->place == Place{"run.yaml", 1, 8});
  const Value* parallel = root.find("parallel");
  CHECK(parallel->find("tensor")->place == Place{"run.yaml", 2, 20});
  CHECK(parallel->keys[1].place == Place{"run.yaml", 2, 23});
  CHECK(parallel->find("layers_per_stage")->items[1].text == "1");
}

TEST_CASE("an empty file and a file of comments are an empty map") {
  for (const char* text : {"", "\n", "# nothing yet\n", "---\n", "\xEF\xBB\xBF"})
    CHECK(read_yaml(text, "run.yaml").kind == Value::Kind::map);
}

TEST_CASE("Y1 a bomb of nested aliases is refused at its first anchor") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c <= 'i'; ++c)
    bomb += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n", c, static_cast<char>(c - 1));
  const Told told = complaints(bomb);
  REQUIRE(!told.empty());
  CHECK(told.size() <= 50);
  CHECK(told[0] == "1:4 an anchor (&name) is not supported");
}

TEST_CASE("Y2 an alias of itself is an error, not a crash") {
  CHECK(complaints("a: &a [*a]\n") == Told{"1:4 an anchor (&name) is not supported", "1:8 an alias (*name) is not supported"});
}

TEST_CASE("Y3 nesting ends at 16 levels") {
  CHECK(complaints("a: " + repeated("[", 15) + repeated("]", 15)).empty());
  CHECK(complaints("a: " + repeated("[", 16) + repeated("]", 16)) == Told{"1:19 more than 16 levels of nesting"});
  CHECK(complaints(repeated("[", 1 << 20)) == Told{"1:257 more than 16 levels of nesting"});
  CHECK(complaints(repeated("- ", 500)).size() == 1);
}

TEST_CASE("Y4 a duplicate key is told with both of its places") {
  CHECK(complaints("parallel:\n  tensor: 2\n  tensor: 4\n") == Told{"3:3 duplicate key 'tensor'"});
  CHECK(complaints("a: 1\n'a': 2\n\"a\": 3\n") == Told{"2:1 duplicate key 'a'", "3:1 duplicate key 'a'"});
  try {
    read_yaml("a: 1\nb: 2\na: 3\n", "run.yaml");
    FAIL("took it");
  } catch (const Error& error) {
    CHECK(error.complaints()[0].because == std::vector<std::string>{"'a' stands in line 1 already"});
  }
}

TEST_CASE("Y5 a second document is refused") {
  CHECK(complaints("a: 1\n---\nb: 2\n").at(0).ends_with("a second document is not supported"));
}

TEST_CASE("Y6 bytes that are not UTF-8, NUL and UTF-16 are refused; a UTF-8 byte order mark is not") {
  CHECK(complaints("a: \"\xFF\"\n") == Told{"1:5 not UTF-8"});
  CHECK(complaints("a: \xC0\xAF\n") == Told{"1:4 not UTF-8"});          // overlong
  CHECK(complaints("a: \xED\xA0\x80\n") == Told{"1:4 not UTF-8"});      // surrogate
  CHECK(complaints("a: \xF4\x90\x80\x80\n") == Told{"1:4 not UTF-8"});  // beyond U+10FFFF
  CHECK(complaints(std::string("a: \0b\n", 7)) == Told{"1:4 a NUL byte"});
  CHECK(!complaints("\xFF\xFE" + std::string("a\0:\0", 4)).empty());
  CHECK(read_yaml("\xEF\xBB\xBF"
                  "a: grün\n",
                  "run.yaml")
            .find("a")
            ->text == "grün");
  CHECK(complaints("a:\n\tb: 1\n") == Told{"2:1 a tab"});
}

TEST_CASE("Y7 tags and merge keys are refused by name") {
  CHECK(complaints("a: !!int 4\n").at(0).find("a tag ('tag:yaml.org,2002:int') is not supported") != std::string::npos);
  CHECK(complaints("a: !python/object x\n").at(0).find("is not supported") != std::string::npos);
  CHECK(complaints("a: {<<: 3}\n") == Told{"1:5 a merge key (<<) is not supported"});
}

TEST_CASE("Y8 words that some readers convert stay words") {
  const Value root = read_yaml("a: yes\nb: 012\nc: 1_000\nd: 12:30:00\ne: '4'\nf: 4\n", "run.yaml");
  CHECK(root.find("a")->text == "yes");
  CHECK(root.find("b")->text == "012");
  CHECK(root.find("c")->text == "1_000");
  CHECK(root.find("d")->text == "12:30:00");
  CHECK(root.find("e")->quoted);
  CHECK(!root.find("f")->quoted);
}

TEST_CASE("Y9 more than 1 MiB, 10,000 values or 20,000 lines are refused") {
  const Told told = complaints(repeated("a", (1 << 20) + 1));
  CHECK(told == Told{"0:0 'run.yaml' has 1048577 bytes: at most 1048576 are read"});
  CHECK(complaints(repeated("- b\n", 10'001)).at(0).ends_with("more than 10000 values"));
  CHECK(complaints(repeated("\n", 20'001)).at(0).ends_with("more than 20,000 lines"));
}

TEST_CASE("what is not YAML is told where it breaks") {
  for (const char* text : {"a: [1, 2\n", "a: 1\n b: 2\n", "a: \"open\n", "a: b: c\n", "- a\nb: 1\n", "{a: 1}}\n", "[a]: 1\n"}) {
    const Told told = complaints(text);
    CHECK_MESSAGE(!told.empty(), std::string(text));
  }
}

TEST_CASE("a quote that is never closed is told where it opens") {
  CHECK(complaints("a: 1\nb: \"open\n") == Told{"2:4 a quote that is never closed"});
  CHECK(complaints("b: 'it''s\n") == Told{"1:4 a quote that is never closed"});
  CHECK(complaints("\xC3\xA9: \"\\\"\"\nb: 'it''s'\n\"c\": ''\n").empty());
}

TEST_CASE("P10 no text of a mebibyte takes 100 ms") {
  std::vector<std::string> hostile{repeated("[", 1 << 20),
                                   repeated(repeated("[", 200) + "\n", 5000),
                                   repeated(repeated("{", 4000) + "\n", 260),
                                   repeated(repeated("[],", 1300) + "\n", 260),
                                   repeated(repeated("? ", 2000) + "\n", 250),
                                   repeated("#" + repeated("x", 1000) + "\n", 1000),
                                   "a: |\n" + repeated("  " + repeated("x", 1000) + "\n", 1000),
                                   "a: " + repeated(repeated("x y ", 1000) + "\n  ", 255),
                                   "a: \"" + repeated(repeated("\\x41", 1000) + "\n", 250) + "\"",
                                   repeated(repeated("*a ", 1000) + "\n", 300),
                                   repeated("a: 1\n", 19'000),
                                   repeated("\xC3\xA9", 1 << 19),
                                   repeated("\n", 1 << 20)};
  std::string long_keys;
  for (int i = 0; i < 4990; ++i) long_keys += fmt::format("{:k>200}: 1\n", i);
  hostile.push_back(long_keys);
  for (const std::string& text : hostile) {
    const std::clock_t start = std::clock();  // of this process: what else the machine does is not counted
    complaints(text.substr(0, 1 << 20));
    const double took_ms = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    // Sanitizers share this test, which cost several times as much; a bomb takes seconds to for ever.
    CHECK_MESSAGE(took_ms < 400, text.substr(0, 20));
  }
}
