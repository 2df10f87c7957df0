#include "engine/core/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace llmrun {
namespace {

struct Suffix {
  std::string_view name;
  double factor;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<int64_t> whole(double value) {
  const double rounded = std::round(value);
  if (std::abs(value - rounded) > 1e-6 * std::max(1.0, std::abs(value)) || std::abs(rounded) >= 9.2e18) return {};
  return static_cast<int64_t>(rounded);
}

/// NUMBER followed by one of `suffixes`, or NUMBER alone.
template <size_t n>
std::optional<int64_t> parse_suffixed(std::string_view text, const std::array<Suffix, n>& suffixes) {
  if (auto plain = parse_integer(text)) return plain;
  const size_t end = text.find_last_of("0123456789.");
  if (end == std::string_view::npos) return {};
  const auto number = parse_number(text.substr(0, end + 1));
  if (!number || *number < 0) return {};
  for (const Suffix& suffix : suffixes)
    if (text.substr(end + 1) == suffix.name) return whole(*number * suffix.factor);
  return {};
}

constexpr double kKiB = 1024;
constexpr std::array kByteSuffixes{Suffix{"B", 1},
                                   Suffix{"KiB", kKiB},
                                   Suffix{"MiB", kKiB* kKiB},
                                   Suffix{"GiB", kKiB* kKiB* kKiB},
                                   Suffix{"TiB", kKiB* kKiB* kKiB* kKiB},
                                   Suffix{"kB", 1e3},
                                   Suffix{"KB", 1e3},
                                   Suffix{"MB", 1e6},
                                   Suffix{"GB", 1e9},
                                   Suffix{"TB", 1e12}};
constexpr std::array kCountSuffixes{Suffix{"k", 1e3}, Suffix{"K", 1e3}, Suffix{"M", 1e6}, Suffix{"B", 1e9}, Suffix{"T", 1e12}};

/// "01:30:00": hours of any size, minutes and seconds below 60.
std::optional<int64_t> parse_clock(std::string_view text) {
  std::array<int64_t, 3> parts{};
  for (size_t i = 0; i < 3; ++i) {
    const size_t colon = i < 2 ? text.find(':') : text.size();
    if (colon == std::string_view::npos || colon == 0 || colon > 6) return {};
    for (char c : text.substr(0, colon)) {
      if (!is_digit(c)) return {};
      parts[i] = parts[i] * 10 + (c - '0');
    }
    text.remove_prefix(i < 2 ? colon + 1 : colon);
  }
  if (parts[1] > 59 || parts[2] > 59) return {};
  return parts[0] * 3600 + parts[1] * 60 + parts[2];
}

/// "1d2h30m15s": each unit at most once, in this order.
std::optional<int64_t> parse_spelled(std::string_view text) {
  int64_t total = 0;
  for (const auto& [unit, seconds] : {std::pair{'d', 86400}, std::pair{'h', 3600}, std::pair{'m', 60}, std::pair{'s', 1}}) {
    size_t digits = 0;
    while (digits < text.size() && is_digit(text[digits])) ++digits;
    if (digits == 0 || digits > 9 || digits == text.size() || text[digits] != unit) continue;
    int64_t number = 0;
    std::from_chars(text.data(), text.data() + digits, number);
    total += number * seconds;
    text.remove_prefix(digits + 1);
  }
  if (!text.empty()) return {};
  return total;
}

std::string three_digits(double value) { return value >= 99.95 ? fmt::format("{:.0f}", value) : fmt::format("{:.3g}", value); }

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return {};
  int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || failure != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

std::optional<int64_t> parse_bytes(std::string_view text) { return parse_suffixed(text, kByteSuffixes); }

std::string format_bytes(int64_t bytes) {
  for (const auto& [unit, shift] : {std::pair{"TiB", 40}, std::pair{"GiB", 30}, std::pair{"MiB", 20}, std::pair{"KiB", 10}})
    if (bytes != 0 && bytes % (int64_t{1} << shift) == 0) return fmt::format("{}{}", bytes >> shift, unit);
  return fmt::format("{}", bytes);
}

std::string human_bytes(double bytes) {
  constexpr std::array<const char*, 6> kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= kKiB;
    ++unit;
  }
  return fmt::format("{} {}", three_digits(bytes), kUnits[unit]);
}

std::optional<int64_t> parse_duration(std::string_view text) {
  if (text.empty()) return {};
  return text.find(':') != std::string_view::npos ? parse_clock(text) : parse_spelled(text);
}

std::string format_duration(int64_t seconds) { return fmt::format("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60); }

std::optional<int64_t> parse_count(std::string_view text) { return parse_suffixed(text, kCountSuffixes); }

std::string human_count(double count) {
  constexpr std::array<const char*, 5> kUnits{"", "k", "M", "B", "T"};
  size_t unit = 0;
  while (count >= 999.5 && unit + 1 < kUnits.size()) {
    count /= 1000;
    ++unit;
  }
  return three_digits(count) + kUnits[unit];
}

}  // namespace llmrun
