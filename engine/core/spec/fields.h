#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/spec/codec.h"

namespace llmrun {

/// One key of the configuration: a row of THE table. It feeds decoding, validation, `--set`, environment overrides, `config show`,
/// completion, help and the JSON Schema; its type is that of the member of Config it stands for, its default that of a fresh Config.
struct Field {
  std::string_view path;  // "parallel.tensor"
  std::string_view help;
  Rules rules;
  std::vector<std::string_view> environment;  // further names, beside environment_name()
  std::string_view option;                    // "-q,--queue": of its own on the command line, beside --set; empty: none
  std::string_view option_value;              // what that takes, as help shows it: "QUEUE"
  bool is_list = false;                       // `--set key=a,b` means [a, b]
  bool is_path = false;                       // relative to the file that says it
  std::vector<std::string_view> words;        // values of a path field that are no path
  bool is_automatic = false;                  // takes the word `auto` though its member is no optional: read_config() derives it
  std::string_view unbuilt;                   // the feature that other values than `built` and the default need; empty: all is built
  std::vector<std::string_view> built;

  void (*decode)(const Value&, const Rules&, Config&) = nullptr;  // throws BadValue
  json (*encode)(const Config&, const Rules&) = nullptr;
  json (*schema)(const Rules&) = nullptr;

  // How a row of the table is written.
  Field&& range(double least, double most) &&;
  Field&& at_least(double least) &&;
  Field&& above(double least) &&;
  Field&& unit(Measure unit) &&;
  Field&& env(std::vector<std::string_view> names) &&;
  Field&& flag(std::string_view names, std::string_view value) &&;
  /// A text that is one of these words; "" first where it may be empty.
  Field&& one_of(std::vector<std::string_view> words_it_may_be) &&;
  Field&& automatic() &&;
  Field&& file_path(std::vector<std::string_view> words_that_are_no_path) &&;
  /// Only the default and these values work in this version; `feature` completes "... is not built yet" ({} is the value).
  Field&& only(std::vector<std::string_view> values, std::string_view feature) &&;

  std::string_view section() const { return path.substr(0, path.find('.')); }
  /// "LLMRUN_PARALLEL_TENSOR".
  std::string environment_name() const;
  json value_in(const Config& config) const { return encode(config, rules); }
  /// Its JSON Schema.
  json form() const;
  /// As a person would write it: auto, 4, [2, 1, 1].
  std::string shown_in(const Config& config) const;
  std::string default_shown() const;
  /// The words the value may be, where it is one of a few: an enum's, true and false.
  std::vector<std::string> choices() const;
};

/// The whole table, in the order of config.h.
std::span<const Field> fields();
/// Null when there is no such key.
const Field* find_field(std::string_view path);
/// The names below a section ("parallel" -> "tensor", ...; "" -> the sections), in table order, without repetition.
std::vector<std::string_view> names_below(std::string_view section);

}  // namespace llmrun
