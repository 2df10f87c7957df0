#include "cli/ui/table.h"

#include "tests/support/test.h"

using namespace llmrun::cli;

TEST_CASE("columns are as wide as their widest cell, whatever its letters, and no line ends in blanks") {
  Table table({"RUN", "STATE"});
  CHECK(table.empty());
  table.add({"gr\xc3\xbcn", "done"});
  table.add({"a-longer-name", ""});
  CHECK(table.text(0) ==
        "RUN            STATE\n"
        "gr\xc3\xbcn           done\n"
        "a-longer-name\n");
}

TEST_CASE("on a terminal a line is cut to its width, between letters") {
  Table table({"N", "REASON"});
  table.add({"1", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"});
  CHECK(table.text(10) == "N  REASON\n1  \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4...\n");
  CHECK(table.text(2) == "..\n..\n");
}

TEST_CASE("I2: a cell cannot steer the terminal or begin a line of its own") {
  Table table({"X"});
  table.add({"a\nb\tc\x1b[2J\x07"});
  CHECK(table.text(0) == "X\na b c\\x1b[2J\\x07\n");
}

TEST_CASE("an age is one number in the unit that a reader would choose") {
  CHECK(age_text(0) == "0 s");
  CHECK(age_text(119) == "119 s");
  CHECK(age_text(120) == "2 min");
  CHECK(age_text(7200) == "2 h");
  CHECK(age_text(172800) == "2 d");
}
