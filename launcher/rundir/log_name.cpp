#include "launcher/rundir/log_name.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

namespace llmrun {
namespace {

std::string formatted(const std::tm& when, const char* format) {
  char text[64];
  return {text, std::strftime(text, sizeof text, format, &when)};
}

}  // namespace

std::string compact_time(std::time_t when) {
  std::tm local{};
  ::localtime_r(&when, &local);
  return formatted(local, "%Y-%m-%d-%H%M%S");
}

std::string utc_time(std::time_t when) {
  std::tm utc{};
  ::gmtime_r(&when, &utc);
  return formatted(utc, "%Y-%m-%dT%H:%M:%SZ");
}

std::string log_name(const std::string& user, const std::string& host, int64_t hosts, int64_t gpus, std::time_t start) {
  return fmt::format("{}-{}-nhosts{}-ngpu{}-{}.log", user, host, hosts, gpus, compact_time(start));
}

int64_t seconds_of_utc(const std::string& text) {
  std::tm when{};
  return ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &when) == nullptr ? 0 : ::timegm(&when);
}

std::string user_name() {
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && *entry->pw_name != '\0' ? entry->pw_name : "user";
}

}  // namespace llmrun
