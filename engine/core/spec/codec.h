#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/json.h"
#include "engine/core/spec/spellings.h"
#include "engine/core/spec/value.h"

namespace llmrun {

// How each type that occurs in config.h is read from a Value, written as JSON, and described by JSON Schema. An empty optional is the word
// "auto" in all three. decode() leaves `out` as it was when it throws.

enum class Measure { none, bytes, seconds, count };

/// What the field table says beyond the type.
struct Rules {
  Measure unit = Measure::none;
  std::optional<double> least;
  std::optional<double> most;
  bool above_least = false;             // `least` itself is out of range
  std::vector<std::string_view> words;  // of a text: the only ones it may be, "" first where it may be empty; none: any text
};

/// Why a value cannot be taken: "'four' is not a whole number".
struct BadValue {
  std::string why;
  Place place;
  std::string hint;
};

void decode(const Value& value, const Rules& rules, bool& out);
void decode(const Value& value, const Rules& rules, int64_t& out);
void decode(const Value& value, const Rules& rules, double& out);
void decode(const Value& value, const Rules& rules, std::string& out);
/// PATH or {path: PATH, weight: W}.
void decode(const Value& value, const Rules& rules, DataSource& out);
/// A PATH alone is a list of one.
void decode(const Value& value, const Rules& rules, std::vector<DataSource>& out);
/// {debug: {nodes: [1, 2], walltime: [00:05:00, 01:00:00], via: prod, jobs_of_user: 1}}; a queue that is there already is replaced, a new
/// one added.
void decode(const Value& value, const Rules& rules, std::vector<QueueLimits>& out);
/// {NAME: value}; a name that is there already gets the new value, a new one is added at the end.
void decode(const Value& value, const Rules& rules, std::vector<std::pair<std::string, std::string>>& out);

json encode(bool value, const Rules& rules);
json encode(int64_t value, const Rules& rules);
json encode(double value, const Rules& rules);
json encode(const std::string& value, const Rules& rules);
json encode(const DataSource& value, const Rules& rules);
json encode(const std::vector<QueueLimits>& value, const Rules& rules);
json encode(const std::vector<std::pair<std::string, std::string>>& value, const Rules& rules);

json schema(const bool*, const Rules& rules);
json schema(const int64_t*, const Rules& rules);
json schema(const double*, const Rules& rules);
json schema(const std::string*, const Rules& rules);
json schema(const DataSource*, const Rules& rules);
json schema(const std::vector<QueueLimits>*, const Rules& rules);
json schema(const std::vector<std::pair<std::string, std::string>>*, const Rules& rules);

/// Index of the word in `words`; throws BadValue with the nearest one.
size_t decode_word(const Value& value, std::span<const std::string_view> words);
/// The items of a list; throws BadValue for anything else.
const std::vector<Value>& decode_list(const Value& value);

template <typename E>
concept Enum = std::is_enum_v<E>;

template <Enum E>
void decode(const Value& value, const Rules&, E& out) {
  out = static_cast<E>(decode_word(value, kSpellings<E>));
}
template <typename T>
void decode(const Value& value, const Rules& rules, std::optional<T>& out) {
  if (value.kind == Value::Kind::scalar && value.text == "auto") {
    out.reset();
    return;
  }
  T decoded{};
  decode(value, rules, decoded);
  out = std::move(decoded);
}
template <typename T>
void decode(const Value& value, const Rules& rules, std::vector<T>& out) {
  std::vector<T> decoded;
  std::optional<BadValue> bad;  // where several are: told at the first
  for (const Value& item : decode_list(value)) try {
      decode(item, rules, decoded.emplace_back());
    } catch (BadValue& another) {
      if (bad)
        bad->why += "; " + another.why;
      else
        bad = std::move(another);
    }
  if (bad) throw *std::move(bad);
  out = std::move(decoded);
}
template <typename T, size_t n>
void decode(const Value& value, const Rules& rules, std::array<T, n>& out) {
  std::vector<T> decoded;
  decode(value, rules, decoded);
  if (decoded.size() != n) throw BadValue{"'" + value.shown() + "' is not a list of " + std::to_string(n), value.place, ""};
  std::move(decoded.begin(), decoded.end(), out.begin());
}

template <Enum E>
json encode(E value, const Rules&) {
  return spelling(value);
}
template <typename T>
json encode(const std::optional<T>& value, const Rules& rules) {
  return value ? encode(*value, rules) : json("auto");
}
template <typename T>
json encode(const std::vector<T>& value, const Rules& rules) {
  json list = json::array();
  for (const T& item : value) list.push_back(encode(item, rules));
  return list;
}
template <typename T, size_t n>
json encode(const std::array<T, n>& value, const Rules& rules) {
  return encode(std::vector<T>(value.begin(), value.end()), rules);
}

template <Enum E>
json schema(const E*, const Rules&) {
  return {{"enum", kSpellings<E>}};
}
template <typename T>
json schema(const std::optional<T>*, const Rules& rules) {
  return {{"anyOf", {schema(static_cast<const T*>(nullptr), rules), {{"const", "auto"}}}}};
}
template <typename T>
json schema(const std::vector<T>*, const Rules& rules) {
  return {{"type", "array"}, {"items", schema(static_cast<const T*>(nullptr), rules)}};
}
template <typename T, size_t n>
json schema(const std::array<T, n>*, const Rules& rules) {
  return {{"type", "array"}, {"items", schema(static_cast<const T*>(nullptr), rules)}, {"minItems", n}, {"maxItems", n}};
}

}  // namespace llmrun
