#include "launcher/follow/log_line.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "engine/core/error.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

constexpr std::array<std::string_view, 6> kLevels = {"trace", "debug", "info", "warning", "error", "critical"};
constexpr size_t kStamp = 19;  // "2023-10-11 09:29:06"

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int64_t days_of(int64_t year, int64_t month, int64_t day) {
  using namespace std::chrono;
  const year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  return sys_days(date).time_since_epoch().count();
}

/// Decimal digits at a fixed place; negative where one is none.
int64_t digits(const char* text, int count) {
  int64_t value = 0;
  for (int i = 0; i < count; ++i) {
    if (!is_digit(text[i])) return -1;
    value = 10 * value + (text[i] - '0');
  }
  return value;
}

/// "2023-10-11 09:29:06" at the start of `text`, with or without a fraction.
WallTime stamp(std::string_view text) {
  if (text.size() < kStamp || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return kNoTime;
  if (text[10] != ' ' && text[10] != 'T') return kNoTime;
  const char* at = text.data();
  const int64_t year = digits(at, 4), month = digits(at + 5, 2), day = digits(at + 8, 2);
  const int64_t hour = digits(at + 11, 2), minute = digits(at + 14, 2), second = digits(at + 17, 2);
  if (std::min({year, month, day, hour, minute, second}) < 0) return kNoTime;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return kNoTime;
  int64_t fraction = 0;
  if (text.size() > kStamp + 3 && (text[kStamp] == '.' || text[kStamp] == ',')) fraction = std::max<int64_t>(0, digits(at + kStamp + 1, 3));
  return (((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction;
}

std::string_view without_bracket(std::string_view line) {
  if (line.starts_with('[')) line.remove_prefix(1);
  return line;
}

bool separates(char c) { return c == ' ' || c == '[' || c == ']' || c == '-' || c == ':' || c == '|' || c == '\t'; }

/// The next word of a line; the line begins behind it afterwards.
std::string_view next_word(std::string_view& line) {
  while (!line.empty() && separates(line.front())) line.remove_prefix(1);
  const size_t end = std::find_if(line.begin(), line.end(), separates) - line.begin();
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// llmrun's own lines, which stand in a combined log between those of the ranks and have no time.
std::optional<LogLevel> level_of_own_line(std::string_view line) {
  if (line.starts_with("llmrun: warning: ")) return LogLevel::warning;
  if (line.starts_with("llmrun: ") || (line.starts_with("step ") && line.find("  loss ") != line.npos)) return LogLevel::info;
  return {};
}

}  // namespace

std::string_view spelling(LogLevel level) { return kLevels[static_cast<size_t>(level)]; }

std::optional<LogLevel> parse_level(std::string_view word) {
  std::array<char, 8> lower{};
  if (word.empty() || word.size() > lower.size()) return {};
  std::transform(word.begin(), word.end(), lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  const std::string_view name(lower.data(), word.size());
  for (size_t level = 0; level < kLevels.size(); ++level)
    if (name == kLevels[level]) return static_cast<LogLevel>(level);
  if (name == "warn") return LogLevel::warning;
  if (name == "err") return LogLevel::error;
  if (name == "fatal") return LogLevel::critical;
  return {};
}

WallTime time_of_line(std::string_view line) { return stamp(without_bracket(line)); }

std::string_view time_text(std::string_view line) {
  if (time_of_line(line) == kNoTime) return {};
  const std::string_view text = without_bracket(line);
  size_t end = kStamp;
  if (text.size() > end && (text[end] == '.' || text[end] == ',')) do
      ++end;
    while (end < text.size() && is_digit(text[end]));
  return text.substr(0, end);
}

std::string_view level_word(std::string_view line) {
  const std::string_view time = time_text(line);
  if (time.empty()) return {};
  constexpr int kWordsBefore = 4;  // "[rank 3]", a host, a process id
  std::string_view rest(time.end(), static_cast<size_t>(line.end() - time.end()));
  for (int i = 0; i < kWordsBefore; ++i)
    if (const std::string_view word = next_word(rest); parse_level(word)) return word;
  return {};
}

std::optional<LogLevel> level_of_line(std::string_view line) {
  if (const std::string_view word = level_word(line); !word.empty()) return parse_level(word);
  return level_of_own_line(line);
}

WallTime wall_time(int64_t seconds_since_1970) {
  const std::time_t moment = seconds_since_1970;
  std::tm here{};
  ::localtime_r(&moment, &here);
  return (((days_of(here.tm_year + 1900, here.tm_mon + 1, here.tm_mday) * 24 + here.tm_hour) * 60 + here.tm_min) * 60 + here.tm_sec) * 1000;
}

WallTime wall_time_of_utc(std::string_view text) {
  if (!text.ends_with('Z')) return kNoTime;
  text.remove_suffix(1);
  const WallTime moment = stamp(text);
  return moment == kNoTime || time_text(text).size() != text.size() ? kNoTime : wall_time(moment / 1000) + moment % 1000;
}

WallTime parse_since(const std::string& text, int64_t now) {
  if (const auto ago = parse_duration(text)) return wall_time(now - *ago);
  const std::string local = text.size() == 10 ? text + " 00:00:00" : text;  // a day begins at midnight
  if (const WallTime moment = stamp(local); moment != kNoTime && time_text(local).size() == local.size()) return moment;
  if (const WallTime moment = wall_time_of_utc(text); moment != kNoTime) return moment;
  throw Error(Exit::usage, "--since '{}' is no time", text).hint("--since 10m, --since 2023-10-11T09:29:06Z or --since 2023-10-11");
}

}  // namespace llmrun
