#include "engine/core/spec/codec.h"

#include <algorithm>
#include <cctype>

#include "engine/core/spec/nearest.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

[[noreturn]] void refuse(const Value& value, std::string why, std::string hint = "") {
  throw BadValue{(value.is_null() ? "no value" : "'" + value.shown() + "'") + " " + std::move(why), value.place, std::move(hint)};
}

const std::string& scalar(const Value& value, std::string_view wanted) {
  if (value.kind != Value::Kind::scalar || value.is_null()) refuse(value, fmt::format("is not {}", wanted));
  return value.text;
}

/// "4" in quotes is text, not a number, though 4 would be one.
void refuse_quotes(const Value& value, std::string_view wanted) {
  if (value.quoted) refuse(value, fmt::format("is text, not {}", wanted), fmt::format("drop the quotes: {}", value.text));
}

std::string shown_number(double number, Measure unit) {
  if (unit == Measure::bytes) return format_bytes(static_cast<int64_t>(number));
  if (unit == Measure::seconds) return format_duration(static_cast<int64_t>(number));
  return fmt::format("{}", number);
}

void check_range(const Value& value, const Rules& rules, double number) {
  const bool low = rules.least && (rules.above_least ? number <= *rules.least : number < *rules.least);
  if (low)
    refuse(value,
           fmt::format("is out of range: {} {}", rules.above_least ? "more than" : "at least", shown_number(*rules.least, rules.unit)));
  if (rules.most && number > *rules.most) refuse(value, fmt::format("is out of range: at most {}", shown_number(*rules.most, rules.unit)));
}

std::optional<int64_t> parse(const std::string& text, Measure unit) {
  switch (unit) {
    case Measure::bytes:
      return parse_bytes(text);
    case Measure::seconds:
      return parse_duration(text);
    case Measure::count:
      return parse_count(text);
    case Measure::none:
      break;
  }
  return parse_integer(text);
}

std::string_view wanted_integer(Measure unit) {
  switch (unit) {
    case Measure::bytes:
      return "a size such as 40GiB";
    case Measure::seconds:
      return "a duration such as 01:30:00 or 90m";
    case Measure::count:
      return "a count such as 1.3B or 500000";
    case Measure::none:
      break;
  }
  return "a whole number";
}

constexpr size_t kMostEntries = 1000;  // of a map: each is looked for among the others

const Value& as_map(const Value& value, std::string_view wanted) {
  if (value.kind != Value::Kind::map) refuse(value, fmt::format("is not {}", wanted));
  if (value.items.size() > kMostEntries)
    throw BadValue{fmt::format("{} entries, at most {} are taken", value.items.size(), kMostEntries), value.place, ""};
  return value;
}

void refuse_other_keys(const Value& map, std::initializer_list<std::string_view> known) {
  for (const Value::Key& key : map.keys) {
    if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
    throw BadValue{fmt::format("'{}' is not one of {}", key.text, fmt::join(known, ", ")), key.place, ""};
  }
}

/// A new entry at the end, or the one that carries `name` already.
template <typename T, typename Name>
T& entry(std::vector<T>& list, Name T::*name, const std::string& key) {
  const auto found = std::find_if(list.begin(), list.end(), [&](const T& item) { return item.*name == key; });
  if (found != list.end()) return *found;
  T fresh{};
  fresh.*name = key;
  return list.emplace_back(std::move(fresh));
}

/// What to write for a word that other formats and languages take for true or false; "" for any other.
std::string meant_as_bool(std::string word) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* yes : {"true", "yes", "on", "1"})
    if (word == yes) return "write true";
  for (const char* no : {"false", "no", "off", "0"})
    if (word == no) return "write false";
  return "";
}

}  // namespace

void decode(const Value& value, const Rules&, bool& out) {
  const std::string& text = scalar(value, "true or false");
  if (text != "true" && text != "false") refuse(value, "is not true or false", meant_as_bool(text));
  refuse_quotes(value, "true or false");
  out = text == "true";
}

void decode(const Value& value, const Rules& rules, int64_t& out) {
  const std::string_view wanted = wanted_integer(rules.unit);
  const auto number = parse(scalar(value, wanted), rules.unit);
  if (!number) refuse(value, fmt::format("is not {}", wanted));
  if (rules.unit == Measure::none) refuse_quotes(value, wanted);  // a unit makes it text in JSON, and often in YAML: "40GiB", '01:00:00'
  check_range(value, rules, static_cast<double>(*number));
  out = *number;
}

void decode(const Value& value, const Rules& rules, double& out) {
  const auto number = parse_number(scalar(value, "a number"));
  if (!number) refuse(value, "is not a number");
  refuse_quotes(value, "a number");
  check_range(value, rules, *number);
  out = *number;
}

void decode(const Value& value, const Rules& rules, std::string& out) {
  const std::string& text = scalar(value, "text");
  if (!rules.words.empty()) {
    const bool may_be_empty = rules.words.front().empty();
    if (!text.empty() || !may_be_empty) decode_word(value, std::span(rules.words).subspan(may_be_empty ? 1 : 0));
  }
  if (std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    refuse(value, "holds a control character");
  out = text;
}

void decode(const Value& value, const Rules& rules, DataSource& out) {
  DataSource source;
  if (value.kind == Value::Kind::scalar) {
    decode(value, rules, source.path);
  } else {
    refuse_other_keys(as_map(value, "a path, or a map of path and weight"), {"path", "weight"});
    const Value* path = value.find("path");
    if (!path) refuse(value, "has no path");
    decode(*path, rules, source.path);
    if (const Value* weight = value.find("weight")) decode(*weight, Rules{.least = 0, .above_least = true}, source.weight);
  }
  out = std::move(source);
}

void decode(const Value& value, const Rules& rules, std::vector<DataSource>& out) {
  std::vector<DataSource> sources;
  if (value.kind == Value::Kind::list) {
    for (const Value& item : value.items) decode(item, rules, sources.emplace_back());
  } else {
    decode(value, rules, sources.emplace_back());
  }
  out = std::move(sources);
}

namespace {

void decode_limits(const Value* value, const Rules& rules, std::array<int64_t, 2>& out) {
  if (value == nullptr) return;
  decode(*value, rules, out);
  if (out[0] > out[1]) refuse(*value, "is no range: the least comes first");
}

}  // namespace

void decode(const Value& value, const Rules&, std::vector<QueueLimits>& out) {
  std::vector<QueueLimits> queues = out;
  as_map(value, "a map of queues");
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Value& limits = as_map(value.items[i], "a map of nodes and walltime");
    refuse_other_keys(limits, {"nodes", "walltime", "via", "jobs_of_user", "array_at_once", "gpus"});
    const size_t known = queues.size();
    QueueLimits& queue = entry(queues, &QueueLimits::name, value.keys[i].text);
    if (queues.size() > known) queue.nodes = {1, 0};  // what is not said is no limit
    decode_limits(limits.find("nodes"), Rules{.least = 1}, queue.nodes);
    decode_limits(limits.find("walltime"), Rules{.unit = Measure::seconds, .least = 0}, queue.walltime_s);
    if (const Value* via = limits.find("via")) decode(*via, Rules{}, queue.via);
    if (const Value* jobs = limits.find("jobs_of_user")) decode(*jobs, Rules{.least = 0}, queue.jobs_of_user);
    if (const Value* members = limits.find("array_at_once")) decode(*members, Rules{.least = 0}, queue.array_at_once);
    if (const Value* gpus = limits.find("gpus")) decode(*gpus, Rules{.least = 1}, queue.gpus);
  }
  out = std::move(queues);
}

void decode(const Value& value, const Rules& rules, Environment& out) {
  Environment environment = out;
  as_map(value, "a map of names and values");
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string& name = value.keys[i].text;
    const bool valid = !name.empty() && (name[0] < '0' || name[0] > '9') &&
                       std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '_'); });
    if (!valid) throw BadValue{fmt::format("'{}' is not a name of an environment variable", name), value.keys[i].place, ""};
    decode(value.items[i], rules, entry(environment, &Environment::value_type::first, name).second);
  }
  out = std::move(environment);
}

json encode(bool value, const Rules&) { return value; }

json encode(int64_t value, const Rules& rules) {
  if (rules.unit == Measure::bytes) return format_bytes(value);
  if (rules.unit == Measure::seconds) return format_duration(value);
  return value;
}

json encode(double value, const Rules&) { return value; }
json encode(const std::string& value, const Rules&) { return value; }

json encode(const DataSource& value, const Rules&) {
  if (value.weight == 1.0) return value.path;
  return {{"path", value.path}, {"weight", value.weight}};
}

json encode(const std::vector<QueueLimits>& value, const Rules&) {
  json queues = json::object();
  for (const QueueLimits& queue : value) {
    json& limits = queues[queue.name] = json::object();
    if (queue.nodes[1] > 0) limits["nodes"] = queue.nodes;
    if (queue.walltime_s[1] > 0) limits["walltime"] = encode(queue.walltime_s, Rules{.unit = Measure::seconds});
    if (!queue.via.empty()) limits["via"] = queue.via;
    if (queue.jobs_of_user > 0) limits["jobs_of_user"] = queue.jobs_of_user;
    if (queue.array_at_once > 0) limits["array_at_once"] = queue.array_at_once;
    if (!queue.gpus.empty()) limits["gpus"] = queue.gpus;
  }
  return queues;
}

json encode(const Environment& value, const Rules&) {
  json environment = json::object();
  for (const auto& [name, text] : value) environment[name] = text;
  return environment;
}

json schema(const bool*, const Rules&) { return {{"type", "boolean"}}; }

json schema(const int64_t*, const Rules& rules) {
  json range = {{"type", "integer"}};
  if (rules.least) range["minimum"] = static_cast<int64_t>(*rules.least);
  if (rules.most) range["maximum"] = static_cast<int64_t>(*rules.most);
  if (rules.unit == Measure::none) return range;
  json text = {{"type", "string"}, {"description", wanted_integer(rules.unit)}};
  return rules.unit == Measure::seconds ? text : json{{"anyOf", {range, text}}};
}

json schema(const double*, const Rules& rules) {
  json number = {{"type", "number"}};
  if (rules.least) number[rules.above_least ? "exclusiveMinimum" : "minimum"] = *rules.least;
  if (rules.most) number["maximum"] = *rules.most;
  return number;
}

json schema(const std::string*, const Rules& rules) { return rules.words.empty() ? json{{"type", "string"}} : json{{"enum", rules.words}}; }

json schema(const DataSource*, const Rules&) {
  const json map = {{"type", "object"},
                    {"properties", {{"path", {{"type", "string"}}}, {"weight", {{"type", "number"}, {"exclusiveMinimum", 0}}}}},
                    {"required", json::array({"path"})},
                    {"additionalProperties", false}};
  return {{"anyOf", {{{"type", "string"}}, map}}};
}

json schema(const std::vector<QueueLimits>*, const Rules&) {
  const json nodes = {{"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 1}}}, {"minItems", 2}, {"maxItems", 2}};
  const json walltime = {{"type", "array"}, {"items", {{"type", "string"}}}, {"minItems", 2}, {"maxItems", 2}};
  const json gpus = {{"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 1}}}};
  const json properties = {{"nodes", nodes},
                           {"walltime", walltime},
                           {"via", {{"type", "string"}}},
                           {"jobs_of_user", {{"type", "integer"}, {"minimum", 0}}},
                           {"array_at_once", {{"type", "integer"}, {"minimum", 0}}},
                           {"gpus", gpus}};
  const json limits = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  return {{"type", "object"}, {"additionalProperties", limits}};
}

json schema(const Environment*, const Rules&) { return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}; }

size_t decode_word(const Value& value, std::span<const std::string_view> words) {
  const std::string& text = scalar(value, fmt::format("one of {}", fmt::join(words, ", ")));
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  const std::string_view near = nearest(text, words);
  refuse(value, fmt::format("is not one of {}", fmt::join(words, ", ")), near.empty() ? "" : fmt::format("did you mean '{}'?", near));
}

const std::vector<Value>& decode_list(const Value& value) {
  if (value.kind != Value::Kind::list)
    refuse(value, "is not a list", value.kind == Value::Kind::scalar ? fmt::format("write [{}]", value.text) : "");
  return value.items;
}

}  // namespace llmrun
