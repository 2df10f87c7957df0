#include "launcher/site/nodelist.h"

#include <charconv>
#include <cstdint>

#include "launcher/site/hostfile.h"

namespace llmrun {
namespace {

constexpr size_t kMostHosts = 1'000'000;
constexpr size_t kLongestName = 253;  // RFC 1123: a longer one would be refused at the end, a million copies later

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw Error(Exit::preflight, "SLURM_JOB_NODELIST '{}': {}", text, why)
      .hint("unset SLURM_JOB_NODELIST, or name the hosts: --hostfile FILE");
}

int64_t number(std::string_view digits, std::string_view whole) {
  if (digits.size() > kLongestName) refuse(whole, "a number is longer than a host name");
  int64_t value = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (bad != std::errc() || end != digits.data() + digits.size() || value < 0) refuse(whole, fmt::format("'{}' is not a number", digits));
  return value;
}

/// "001-003" -> 001 002 003; "7" -> 7. The width of the first number is kept.
void expand_range(std::string_view range, std::string_view whole, std::vector<std::string>& out) {
  const size_t dash = range.find('-');
  const std::string_view low = range.substr(0, dash), high = dash == std::string_view::npos ? low : range.substr(dash + 1);
  const int64_t first = number(low, whole), last = number(high, whole);
  if (last < first) refuse(whole, fmt::format("range '{}' runs backwards", range));
  if (static_cast<size_t>(last - first) >= kMostHosts - out.size()) refuse(whole, "too many hosts");
  for (int64_t value = first; value <= last; ++value) out.push_back(fmt::format("{:0{}}", value, low.size()));
}

std::vector<std::string> expand_brackets(std::string_view inside, std::string_view whole) {
  std::vector<std::string> numbers;
  for (size_t begin = 0;;) {
    const size_t comma = inside.find(',', begin);
    expand_range(inside.substr(begin, comma - begin), whole, numbers);
    if (comma == std::string_view::npos) return numbers;
    begin = comma + 1;
  }
}

/// One name with any number of brackets.
std::vector<std::string> expand_name(std::string_view name, std::string_view whole) {
  std::vector<std::string> done{""};
  while (!name.empty()) {
    const size_t open = name.find('[');
    const std::string_view prefix = name.substr(0, open);
    if (prefix.size() > kLongestName) refuse(whole, "a name is longer than a host name");
    std::vector<std::string> endings{""};
    if (open == std::string_view::npos) {
      name = {};
    } else {
      const size_t close = name.find(']', open);
      if (close == std::string_view::npos) refuse(whole, "a '[' is not closed");
      endings = expand_brackets(name.substr(open + 1, close - open - 1), whole);
      name.remove_prefix(close + 1);
    }
    if (done.size() * endings.size() > kMostHosts) refuse(whole, "too many hosts");
    std::vector<std::string> longer;
    for (const std::string& front : done)
      for (const std::string& ending : endings) longer.push_back(front + std::string(prefix) + ending);
    done = std::move(longer);
  }
  return done;
}

}  // namespace

std::vector<std::string> expand_nodelist(std::string_view text) {
  std::vector<std::string> hosts;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if ((c != ',' || depth > 0) && i < text.size()) continue;
    for (std::string& host : expand_name(text.substr(begin, i - begin), text)) {
      if (!is_host_name(host)) refuse(text, fmt::format("'{}' is not a host name", host));
      if (hosts.size() == kMostHosts) refuse(text, "too many hosts");
      hosts.push_back(std::move(host));
    }
    begin = i + 1;
  }
  return hosts;
}

}  // namespace llmrun
