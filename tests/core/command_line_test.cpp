#include "engine/core/command_line/help.h"
#include "engine/core/command_line/numbers.h"
#include "engine/core/command_line/usage.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

enum class Form { round, square };

/// `tool`, with a command of every kind of option.
struct Tool {
  CLI::App app{"Does things", "tool"};
  CLI::App* paint = nullptr;
  int64_t layers = 8;
  double share = 0;
  Form form = Form::round;
  std::vector<std::string> colors;
  std::string to;
  bool fast = false;
  std::optional<int> buckets;
  std::vector<int64_t> parts;
  uint64_t seed = 1;
  double heat = 0;
  std::string light;

  explicit Tool(size_t width = 80) {
    app.formatter(std::make_shared<Help>(width));
    app.require_subcommand(1);
    app.fallthrough();
    paint = app.add_subcommand("paint", "Paint a thing in one or more colours, as often as there are layers of paint on the wall");
    paint->add_option("colors", colors, "What to use");
    paint->add_option("-l,--layers", layers, "Coats of paint")->check(CLI::PositiveNumber)->capture_default_str();
    paint->add_option("--share", share, "Of the wall")->check(CLI::Range(0.0, 1.0));
    const std::map<std::string, Form> forms{{"round", Form::round}, {"square", Form::square}};
    paint->add_option("--form", form, "Of the brush")->transform(CLI::CheckedTransformer(forms));
    paint->add_option("--to", to)->type_name("DIR")->required();
    paint->add_flag("--fast", fast, "Do not wait")->excludes("--share");
    app.add_option("--light", light)->check(CLI::IsMember({"day", "night"}));
    CLI::App* mix = app.add_subcommand("mix", "Mix colours");
    mix->add_option("--parts", parts)->delimiter(',');
    mix->add_option("--buckets", buckets)->check(CLI::Range(1, 4));
    mix->add_option("--seed", seed);
    mix->add_option("--heat", heat)->check(CLI::NonNegativeNumber);
    check_numbers(app);
  }

  std::string complaint(const std::string& words) {
    try {
      app.parse(words, /*program_name_included=*/false);
    } catch (const CLI::ParseError& failure) {
      const Error error = usage_error(app, failure);
      CHECK(error.code() == Exit::usage);
      return fmt::format("{} | {}", error.what(), error.complaints()[0].hint);
    }
    return "";
  }
};

}  // namespace

TEST_CASE("help shows what a value may be, and breaks lines between words") {
  const Tool tool;
  CHECK(tool.paint->help() ==
        "Paint a thing in one or more colours, as often as there are layers of paint on\nthe wall\n"
        "Usage: paint --to DIR [OPTIONS] [colors...]\n\n"
        "Positionals:\n"
        "  colors                    What to use\n\n"
        "Options:\n"
        "  -h,--help                 Print this help message and exit\n"
        "  -l,--layers N             Coats of paint; default 8\n"
        "  --share N                 Of the wall\n"
        "  --form round|square       Of the brush\n"
        "  --to DIR                  needed\n"
        "  --fast                    Do not wait\n\n");
}

TEST_CASE("help on a narrow screen gives the words lines of their own") {
  const std::string help = Tool(40).app.help();
  CHECK(help.find(
            "\n  paint\n      Paint a thing in one or more\n      colours, as often as there are\n      layers of paint on the wall\n") !=
        std::string::npos);
}

TEST_CASE("words that do not fit are told in plain words") {
  const std::string help = " | tool paint --help";
  CHECK(Tool().complaint("paint --layers 0 --to x") == "--layers: '0' is not a whole number above 0" + help);
  CHECK(Tool().complaint("paint --layers many --to x") == "--layers: 'many' is not a whole number above 0" + help);
  CHECK(Tool().complaint("paint --layers 1.5 --to x") == "--layers: '1.5' is not a whole number above 0" + help);
  CHECK(Tool().complaint("paint --share 2 --to x") == "--share: '2' is not a number from 0 to 1" + help);
  CHECK(Tool().complaint("mix --buckets 9") == "--buckets: '9' is not a whole number from 1 to 4 | tool mix --help");
  CHECK(Tool().complaint("mix --parts 1,2,b") == "--parts: 'b' is not a whole number | tool mix --help");
  CHECK(Tool().complaint("mix --seed x") == "--seed: 'x' is not a whole number of 0 or more | tool mix --help");
  CHECK(Tool().complaint("paint --form triangle --to x") == "--form: 'triangle' is none of round, square" + help);
  CHECK(Tool().complaint("paint --form sqare --to x") == "--form: 'sqare' is none of round, square | did you mean 'square'?");
  CHECK(Tool().complaint("paint --form squ --to x") == "--form: 'squ' is none of round, square | did you mean 'square'?");
  CHECK(Tool().complaint("paint --light xyz --to x") == "--light: 'xyz' is none of day, night" + help);
  CHECK(Tool().complaint("--light xyz paint --to x") == "--light: 'xyz' is none of day, night" + help);
  CHECK(Tool().complaint("paint") == "--to is required" + help);
  CHECK(Tool().complaint("paint --to") == "--to needs a value: DIR" + help);
  CHECK(Tool().complaint("paint --to x --form") == "--form needs a value: round|square" + help);
  CHECK(Tool().complaint("paint --to x --to y") == "--to takes one value, and was given 2" + help);
  CHECK(Tool().complaint("paint --to x --fast=maybe") == "--fast takes no value: 'maybe'" + help);
  CHECK(Tool().complaint("paint --to x --fast --share 1") == "--share and --fast exclude each other" + help);
  CHECK(Tool().complaint("pant") == "unknown command 'pant' of 'tool' | did you mean 'paint'?");
  CHECK(Tool().complaint("") == "'tool' needs a command | tool --help");
  CHECK(Tool().complaint("paint --to x --fats") == "unknown option '--fats' of 'tool paint' | did you mean '--fast'?");
  CHECK(Tool().complaint("paint --to x red") == "");
}

TEST_CASE("a number is written as people write it, and is one that we can hold") {
  const std::string help = " | tool mix --help";
  for (const char* word : {"nan", "inf", "-1", "0x10", "1e999"})
    CHECK(Tool().complaint(fmt::format("mix --heat={}", word)) == fmt::format("--heat: '{}' is not a number of 0 or more", word) + help);
  for (const char* word : {"-1", "010", "0x10", "1.0"})
    CHECK(Tool().complaint(fmt::format("mix --seed={}", word)) ==
          fmt::format("--seed: '{}' is not a whole number of 0 or more", word) + help);
  CHECK(Tool().complaint("mix --seed 99999999999999999999") == "--seed: '99999999999999999999' is too large" + help);
  CHECK(Tool().complaint("paint --to x --layers 99999999999999999999") ==
        "--layers: '99999999999999999999' is too large | tool paint --help");
  CHECK(Tool().complaint("mix --buckets 5000000000") == "--buckets: '5000000000' is not a whole number from 1 to 4" + help);
  Tool tool;
  CHECK(tool.complaint("mix --heat 2.5e-1 --seed 9223372036854775807 --parts -3,4") == "");
  CHECK(tool.heat == 0.25);
  CHECK(tool.seed == 9223372036854775807);
  CHECK(tool.parts == std::vector<int64_t>{-3, 4});
}

}  // namespace llmrun
