#include "engine/core/json.h"

#include <fstream>

#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {

TEST_CASE("JSON ends at 32 levels, brackets in strings not counted") {
  const auto nested = [](size_t levels, const std::string& inside) { return std::string(levels, '[') + inside + std::string(levels, ']'); };
  CHECK(parse_json(nested(32, "1")).dump() == nested(32, "1"));
  CHECK_THROWS_WITH_AS(parse_json(nested(33, "1")), "it has more than 32 levels at byte 33", std::invalid_argument);
  CHECK_THROWS_AS(parse_json(std::string(1 << 20, '{')), std::invalid_argument);
  CHECK(parse_json(R"(["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\"])").size() == 1);
}

TEST_CASE("a whole number is an integer of 63 bits and nothing that only looks like one") {
  CHECK(whole_number(parse_json("-9223372036854775808")) == INT64_MIN);
  CHECK(whole_number(parse_json("9223372036854775807")) == INT64_MAX);
  for (const char* text : {"9223372036854775808", "1e3", "1.0", "true", "null", "\"1\"", "[1]"})
    CHECK_THROWS_AS(whole_number(parse_json(text)), std::invalid_argument);
}

TEST_CASE("a number that no double holds is told like everything else that is wrong") {
  CHECK_THROWS_AS(parse_json("[1e999]"), std::invalid_argument);
}

TEST_CASE("a file that is no JSON is named, with the byte where it breaks") {
  const TemporaryDirectory directory;
  const std::string path = directory / "a.json";
  std::ofstream(path) << "{\"a\": 1,}";
  CHECK_THROWS_WITH_AS(read_json_file(path), ("'" + path + "' is not JSON: it breaks at byte 9 of 9").c_str(), Error);
  try {
    read_json_file(path);
  } catch (const Error& error) {
    CHECK(error.complaints()[0].hint == "python3 -m json.tool '" + path + "'");
  }
}

}  // namespace llmrun
