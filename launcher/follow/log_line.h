#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

/// As spdlog spells them, in the order of their weight.
enum class LogLevel : uint8_t { trace, debug, info, warning, error, critical };
std::string_view spelling(LogLevel level);
std::optional<LogLevel> parse_level(std::string_view word);  // "warning", "WARN", "[ERROR]"

/// Milliseconds of the clock on the wall where a line was written, counted from 1970 as if there were no time zones: to compare lines.
using WallTime = int64_t;
constexpr WallTime kNoTime = INT64_MIN;

/// Reads the time at the start of a line: "2023-10-11 09:29:06.123", also with 'T', with a comma, without milliseconds, or in brackets.
/// kNoTime where there is none. A few nanoseconds: it is done for every line of every rank.
WallTime time_of_line(std::string_view line);

/// The time as it stands in the line; empty where there is none.
std::string_view time_text(std::string_view line);

/// The level of "time [rank N] level text", and of what llmrun itself says in a combined log ("llmrun: warning: ...", "step 3/10 ..." is
/// info). Nothing for a line that says none: it goes on with what the line before it said.
std::optional<LogLevel> level_of_line(std::string_view line);

/// Where the word stands that level_of_line read after a time, for colours; empty elsewhere.
std::string_view level_word(std::string_view line);

/// A moment for --since: "2023-10-11T09:29:06Z" (UTC; without Z: on the wall here), "2023-10-11", or as long ago as "10m" or "1h30m", seen
/// from `now` (seconds since 1970). Throws Error(Exit::usage).
WallTime parse_since(const std::string& text, int64_t now);

/// What the clock on the wall here shows at a moment; of "2023-10-11T09:29:06Z", kNoTime where it is no such text.
WallTime wall_time(int64_t seconds_since_1970);
WallTime wall_time_of_utc(std::string_view text);

}  // namespace llmrun
