#include "engine/core/command_line/help.h"
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

  explicit Tool(size_t width = 80) {
    app.formatter(std::make_shared<Help>(width));
    app.require_subcommand(1);
    paint = app.add_subcommand("paint", "Paint a thing in one or more colours, as often as there are layers of paint on the wall");
    paint->add_option("colors", colors, "What to use");
    paint->add_option("-l,--layers", layers, "Coats of paint")->check(CLI::PositiveNumber)->capture_default_str();
    paint->add_option("--share", share, "Of the wall")->check(CLI::Range(0.0, 1.0));
    const std::map<std::string, Form> forms{{"round", Form::round}, {"square", Form::square}};
    paint->add_option("--form", form, "Of the brush")->transform(CLI::CheckedTransformer(forms));
    paint->add_option("--to", to)->type_name("DIR")->required();
    paint->add_flag("--fast", fast, "Do not wait");
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
  CHECK(Tool().complaint("paint --layers 0 --to x") == "--layers: '0' is not a number above 0 | tool paint --help");
  CHECK(Tool().complaint("paint --layers many --to x") == "--layers: 'many' is not a number above 0 | tool paint --help");
  CHECK(Tool().complaint("paint --share 2 --to x") == "--share: '2' is not in the range 0.000000 to 1.000000 | tool paint --help");
  CHECK(Tool().complaint("paint") == "--to is required | tool paint --help");
  CHECK(Tool().complaint("pant") == "unknown command 'pant' of 'tool' | did you mean 'paint'?");
  CHECK(Tool().complaint("paint --to x --fats") == "unknown option '--fats' of 'tool paint' | did you mean '--fast'?");
  CHECK(Tool().complaint("paint --to x red") == "");
}

}  // namespace llmrun
