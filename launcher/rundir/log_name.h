#pragma once
#include <cstdint>
#include <ctime>
#include <string>

namespace llmrun {

/// "USER-HOST-nhosts2-ngpu8-2023-10-11-092906.log", local time; `gpus` counts ranks where there are none.
std::string log_name(const std::string& user, const std::string& host, int64_t hosts, int64_t gpus, std::time_t start);
/// "2023-10-11-092906", local time.
std::string compact_time(std::time_t when);
/// "2023-10-11T09:29:06Z".
std::string utc_time(std::time_t when);
/// Seconds since 1970 of such a text; 0 where it is none.
int64_t seconds_of_utc(const std::string& text);
/// The login name; "user" where the system knows none.
std::string user_name();

}  // namespace llmrun
