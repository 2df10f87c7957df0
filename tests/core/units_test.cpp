#include "engine/core/units.h"

#include "tests/support/test.h"

using namespace llmrun;

TEST_CASE("a whole number is decimal digits and nothing else") {
  CHECK(parse_integer("0") == 0);
  CHECK(parse_integer("-12") == -12);
  CHECK(parse_integer("9223372036854775807") == INT64_MAX);
  for (const char* bad : {"", "-", "012", "+1", "1_000", "0x10", "1e3", "1.0", " 1", "1 ", "9223372036854775808"})
    CHECK_MESSAGE(!parse_integer(bad), bad);
}

TEST_CASE("a number is finite and whole") {
  CHECK(parse_number("3e-4") == 3e-4);
  CHECK(parse_number("-0.5") == -0.5);
  for (const char* bad : {"", "nan", "inf", "1.0.0", "0x1p3", "1,5", "1e999"}) CHECK_MESSAGE(!parse_number(bad), bad);
}

TEST_CASE("sizes have binary and decimal units, and are written back exactly") {
  CHECK(parse_bytes("40GiB") == int64_t{40} << 30);
  CHECK(parse_bytes("1.5KiB") == 1536);
  CHECK(parse_bytes("40GB") == 40'000'000'000);
  CHECK(parse_bytes("123") == 123);
  for (const char* bad : {"", "GiB", "40Gib", "40 GiB", "-1KiB", "0.3B", "99999999TiB"}) CHECK_MESSAGE(!parse_bytes(bad), bad);
  for (int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1024}, int64_t{1536}, int64_t{40} << 30, (int64_t{1} << 40) + 1})
    CHECK(parse_bytes(format_bytes(bytes)) == bytes);
  CHECK(format_bytes(int64_t{40} << 30) == "40GiB");
}

TEST_CASE("durations are clocks or spelled units, never a bare number") {
  CHECK(parse_duration("01:30:00") == 5400);
  CHECK(parse_duration("168:00:00") == 168 * 3600);
  CHECK(parse_duration("1h30m") == 5400);
  CHECK(parse_duration("90m") == 5400);
  CHECK(parse_duration("2d") == 172800);
  for (const char* bad : {"", "3600", "1:30", "00:60:00", "00:00:60", "1m1h", "1h1h", "h", "-1h", "1:2:3:4", "9999999:00:00"})
    CHECK_MESSAGE(!parse_duration(bad), bad);
  for (int64_t seconds : {0, 1, 59, 3600, 604800}) CHECK(parse_duration(format_duration(seconds)) == seconds);
}

TEST_CASE("counts and table numbers") {
  CHECK(parse_count("1.3B") == 1'300'000'000);
  CHECK(parse_count("500000") == 500000);
  CHECK(!parse_count("1.3"));
  CHECK(human_count(1'300'000'000) == "1.3B");
  CHECK(human_count(124'439'808) == "124M");
  CHECK(human_count(999) == "999");
  CHECK(human_bytes(1536.0 * 1024 * 1024) == "1.5 GiB");
  CHECK(human_bytes(12) == "12 B");
}
