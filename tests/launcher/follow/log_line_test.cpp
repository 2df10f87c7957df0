#include "launcher/follow/log_line.h"

#include <cstdlib>
#include <ctime>

#include "engine/core/error.h"
#include "launcher/follow/grep.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

/// A time zone for as long as it lives.
struct Zone {
  explicit Zone(const char* name) { ::setenv("TZ", name, 1), ::tzset(); }
  ~Zone() { ::unsetenv("TZ"), ::tzset(); }
};

}  // namespace

TEST_CASE("the time of a line is read in the forms that loggers write") {
  const WallTime whole = 1'697'016'546'000;  // date -u -d '2023-10-11 09:29:06' +%s
  CHECK(time_of_line("2023-10-11 09:29:06.123 [rank 0] info x") == whole + 123);
  CHECK(time_of_line("2023-10-11T09:29:06Z x") == whole);
  CHECK(time_of_line("[2023-10-11 09:29:06,987] [INFO] [engine.py:12:f] x") == whole + 987);
  CHECK(time_of_line("2023-10-11 09:29:06") == whole);
  CHECK(time_of_line("1970-01-01 00:00:00") == 0);
  CHECK(time_of_line("2024-02-29 00:00:00") - time_of_line("2024-02-28 00:00:00") == 86'400'000);
  for (const char* none : {"", "x", "2023-10-11", "2023-10-11 09:29", "2023-13-11 09:29:06", "2023-10-11 24:29:06", "2023/10/11 09:29:06",
                           "  2023-10-11 09:29:06", "2023-1o-11 09:29:06"})
    CHECK_MESSAGE(time_of_line(none) == kNoTime, none);
  CHECK(time_text("[2023-10-11 09:29:06,987] x") == "2023-10-11 09:29:06,987");
  CHECK(time_text("x").empty());
}

TEST_CASE("the level of a line is the word behind its time, and llmrun's own words have one too") {
  CHECK(level_of_line("2023-10-11 09:29:06.123 [rank 12] warning disk is slow") == LogLevel::warning);
  CHECK(level_of_line("2023-10-11 09:29:06,123 - root - ERROR - gone") == LogLevel::error);
  CHECK(level_of_line("[2023-10-11 09:29:06,987] [INFO] [a.py:1:f] error in a word") == LogLevel::info);
  CHECK(level_of_line("llmrun: warning: no room") == LogLevel::warning);
  CHECK(level_of_line("step 3/10  loss 2.3412  12 tokens/s") == LogLevel::info);
  CHECK(!level_of_line("  error in a traceback"));
  CHECK(!level_of_line("2023-10-11 09:29:06 one two three four error"));
  CHECK(parse_level("WARN") == LogLevel::warning);
  CHECK(!parse_level("loud"));
}

TEST_CASE("a moment is given as a time that has passed, in UTC, or by the clock here") {
  const Zone chicago("CST6CDT,M3.2.0,M11.1.0");
  const int64_t now = 1'697'016'546;  // 04:29:06 in Chicago
  const WallTime here = time_of_line("2023-10-11 04:29:06");
  CHECK(parse_since("10m", now) == here - 600'000);
  CHECK(parse_since("2023-10-11T09:29:06Z", now) == here);
  CHECK(parse_since("2023-10-11 04:29:06.5", now) == here);
  CHECK(parse_since("2023-10-11T04:29:06.500", now) == here + 500);
  CHECK(parse_since("2023-10-11", now) == time_of_line("2023-10-11 00:00:00"));
  for (const char* bad : {"", "10", "yesterday", "2023-10-11T09:29:06+02:00", "2023-10-11 09:29:06 x", "2023-02-31x"})
    CHECK_THROWS_AS(parse_since(bad, now), Error);
}

TEST_CASE("the text that every match holds is found, and never one that a match may lack") {
  const auto literal = [](const char* pattern) { return required_literal(pattern); };
  CHECK(literal("loss") == "loss");
  CHECK(literal("step [0-9]+ loss") == "step ");
  CHECK(literal("a|b") == "");
  CHECK(literal("(a|bc)def") == "def");
  CHECK(literal("abcd?e") == "abc");
  CHECK(literal("abcd*") == "abc");
  CHECK(literal("abcd{0,3}ef") == "abc");
  CHECK(literal("abc+d") == "abc");
  CHECK(literal("^rank 3\\]") == "rank 3]");
  CHECK(literal("[]a]bc") == "bc");
  CHECK(literal("[[:digit:]x]+ms") == "ms");
  CHECK(literal("\\w+ failed") == " failed");
  CHECK(literal("(x[)]y)z") == "z");
  CHECK(literal("x.") == "x");
}

TEST_CASE("lines are searched as grep -E does, and by \\d") {
  const auto in = [](const char* pattern, std::string_view line) { return Grep(pattern).in(line); };
  CHECK(in("loss", "step 3 loss 2.1"));
  CHECK(!in("loss", "step 3"));
  CHECK(in("", "anything"));
  CHECK(in("loss [0-9.]+$", "step 3 loss 2.1"));
  CHECK(!in("^loss", "step 3 loss 2.1"));
  CHECK(in("NaN|inf", "grad is inf"));
  CHECK(in("step \\d+ ", "step 12 loss"));
  CHECK(!in("step \\d+ ", "step d loss"));
  CHECK(in("z$", std::string_view("a\0z", 3)));
  CHECK(in("\\[rank 3\\]", "t [rank 3] info"));
  CHECK(in("x{2}", "xx"));
  CHECK(!in("^xy$", std::string_view("xyz").substr(0, 1)));
  CHECK(in("^xy$", std::string_view("xyz").substr(0, 2)));  // the line ends where its view does
  CHECK_THROWS_AS(Grep("["), Error);
  CHECK_THROWS_AS(Grep("(a"), Error);
}

}  // namespace llmrun
