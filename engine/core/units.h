#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

// Numbers as people write them. A parser takes the whole text or nothing: no blanks, no leftovers, no octal, no `1_000`.

/// "-12", "4096": decimal only; a leading zero ("012") is refused, since half of its readers would take it for octal.
std::optional<int64_t> parse_integer(std::string_view text);
/// "3e-4", "0.1": finite decimals.
std::optional<double> parse_number(std::string_view text);

/// "40GiB", "512MiB" (powers of 1024), "40GB", "10kB" (powers of 1000), "4096" or "4096B".
std::optional<int64_t> parse_bytes(std::string_view text);
/// Exact: the largest binary unit that divides. parse_bytes(format_bytes(n)) == n for n >= 0.
std::string format_bytes(int64_t bytes);
/// For tables: "1.52 GiB", "870 KiB".
std::string human_bytes(double bytes);

/// Seconds from "01:30:00", "1h30m", "90m", "2d". A bare number is refused: PBS reads it as seconds and Slurm as minutes.
std::optional<int64_t> parse_duration(std::string_view text);
/// "01:30:00"; hours may take more than two digits. parse_duration(format_duration(s)) == s for s >= 0.
std::string format_duration(int64_t seconds);

/// "1.3B", "500M", "12k" (powers of 1000), or a plain integer.
std::optional<int64_t> parse_count(std::string_view text);
/// For tables: three significant digits, "1.3B", "125M", "999".
std::string human_count(double count);

}  // namespace llmrun
