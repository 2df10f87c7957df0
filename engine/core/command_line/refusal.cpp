#include "engine/core/command_line/refusal.h"

#include "engine/core/command_line/numbers.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/command_line/value.h"
#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

/// An option of the command or of those above it, by the name that CLI11's sentences begin with.
const CLI::Option* option_of(const CLI::App& command, const std::string& name) {
  for (const CLI::App* level = &command; level; level = level->get_parent())
    if (const CLI::Option* option = level->get_option_no_throw(name)) return option;
  return nullptr;
}

bool converts(const CLI::Option& option, const std::string& value) {
  int64_t whole = 0;
  uint64_t count = 0;
  double number = 0;
  if (!is_number_of(option, value)) return false;
  if (speaks_of(option, "UINT")) return CLI::detail::lexical_cast(value, count);
  if (speaks_of(option, "INT")) return CLI::detail::lexical_cast(value, whole);
  if (speaks_of(option, "FLOAT")) return CLI::detail::lexical_cast(value, number);
  return takes_value(option);
}

/// The first value that is not what the option takes, or that `sentence` speaks of.
std::string refused_value(const CLI::Option& option, const std::string& sentence) {
  for (const std::string& value : option.results())
    if (!converts(option, value) || sentence.find(" " + value + " ") != std::string::npos) return value;
  return CLI::detail::join(option.results());
}

/// What a number must be: "a whole number from 1 to 8".
std::string wanted(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::string number = speaks_of(option, "INT") || speaks_of(option, "UINT") ? "a whole number" : "a number";
  if (type.find("NONNEGATIVE") != std::string::npos || speaks_of(option, "UINT")) return number + " of 0 or more";
  if (type.find("POSITIVE") != std::string::npos) return number + " above 0";
  const size_t range = type.find(" in ["), to = type.find(" - ", range), end = type.find(']', range);
  if (range == std::string::npos || to == std::string::npos || end == std::string::npos) return number;
  return fmt::format("{} from {} to {}", number, type.substr(range + 5, to - range - 5), type.substr(to + 3, end - to - 3));
}

/// A whole number that none of ours can hold.
bool is_too_large(const std::string& value) {
  return !value.empty() && value[0] != '0' && value.find_first_not_of("0123456789") == std::string::npos && !parse_integer(value);
}

/// The one word that begins so ("warn" is "warning"), else the nearest.
std::string_view meant(const std::string& value, const std::vector<std::string>& words) {
  const auto begins = [&](const std::string& word) { return !value.empty() && word.starts_with(value); };
  if (std::count_if(words.begin(), words.end(), begins) == 1) return *std::find_if(words.begin(), words.end(), begins);
  return nearest(value, std::vector<std::string_view>(words.begin(), words.end()));
}

Error bad_value(const CLI::App& command, const CLI::Option& option, const std::string& sentence) {
  const std::string value = refused_value(option, sentence), help = full_name(command) + " --help";
  if (!takes_value(option)) return Error(Exit::usage, "{} takes no value: '{}'", option.get_name(), value).hint("{}", help);
  if (is_too_large(value)) return Error(Exit::usage, "{}: '{}' is too large", option.get_name(), value).hint("{}", help);
  const std::vector<std::string> words = value_words(option);
  if (words.empty()) return Error(Exit::usage, "{}: '{}' is not {}", option.get_name(), value, wanted(option)).hint("{}", help);
  const std::string_view near = meant(value, words);
  Error error(Exit::usage, "{}: '{}' is none of {}", option.get_name(), value, fmt::join(words, ", "));
  return near.empty() ? error.hint("{}", help) : error.hint("did you mean '{}'?", near);
}

Error wrong_count(const CLI::App& command, const CLI::Option& option) {
  Error error = option.results().size() > 1
                    ? Error(Exit::usage, "{} takes one value, and was given {}", option.get_name(), option.results().size())
                    : Error(Exit::usage, "{} needs a value: {}", option.get_name(), value_name(option));
  return error.hint("{} --help", full_name(command));
}

/// CLI11's own sentence, where it speaks of no type.
std::string plain(std::string text) {
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  while (text.ends_with('\n') || text.ends_with('.')) text.pop_back();
  return text;
}

/// Of `sentence`, what stands between two marks.
std::string between(const std::string& sentence, const std::string& left, const std::string& right) {
  const size_t begin = sentence.find(left), end = sentence.find(right, begin == std::string::npos ? begin : begin + left.size());
  if (begin == std::string::npos || end == std::string::npos) return "";
  return sentence.substr(begin + left.size(), end - begin - left.size());
}

}  // namespace

Error refusal(const CLI::App& command, const CLI::ParseError& failure) {
  const std::string sentence = failure.what();
  const auto named = [&](const std::string& left, const std::string& right) { return option_of(command, between(sentence, left, right)); };
  if (dynamic_cast<const CLI::ValidationError*>(&failure))
    if (const CLI::Option* option = named("", ": ")) return bad_value(command, *option, sentence);
  if (dynamic_cast<const CLI::ConversionError*>(&failure))
    if (const CLI::Option* option = named("Could not convert: ", " = ")) return bad_value(command, *option, sentence);
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&failure))
    if (const CLI::Option* option = named("", ": ")) return wrong_count(command, *option);
  if (dynamic_cast<const CLI::ExcludesError*>(&failure)) {
    const std::string other = sentence.substr(sentence.rfind(' ') + 1);
    return Error(Exit::usage, "{} and {} exclude each other", between(sentence, "", " excludes "), other)
        .hint("{} --help", full_name(command));
  }
  return Error(Exit::usage, "{}", plain(sentence)).hint("{} --help", full_name(command));
}

}  // namespace llmrun
