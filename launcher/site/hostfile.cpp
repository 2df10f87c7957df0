#include "launcher/site/hostfile.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <unordered_map>

#include "engine/core/units.h"

namespace llmrun {
namespace {

constexpr size_t kComplaintsShown = 10;
constexpr int64_t kMostSlots = 65536;

bool is_label(std::string_view label) {
  const auto inner = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), inner);
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t more = lead < 0x80 ? 0 : lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : 4;
    if (more == 4 || i + more >= text.size()) return false;
    for (size_t j = 1; j <= more; ++j)
      if (static_cast<unsigned char>(text[i + j]) >> 6 != 2) return false;
    i += more + 1;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The name and its count on a line without comment; the count is 0 where none is said. Returns what is wrong, or nothing.
std::optional<std::string> parse_line(std::string_view line, std::string_view& name, int64_t& slots) {
  if (!is_utf8(line)) return "bytes that are not UTF-8";
  const size_t end = line.find_first_of(" \t:");
  name = line.substr(0, end);
  std::string_view count;
  bool counted = false;
  if (end != std::string_view::npos) {
    std::string_view rest = line[end] == ':' ? line.substr(end) : trimmed(line.substr(end));
    counted = true;
    if (rest.starts_with(':')) {
      count = rest.substr(1);
    } else if (rest.starts_with("slots=")) {
      count = rest.substr(6);
    } else {
      return fmt::format("'{}' after the host is not ':N' or 'slots=N'", rest);
    }
  }
  if (name.starts_with('-')) return fmt::format("'{}' begins with '-': a launcher would take it for an option", name);
  if (!is_host_name(name)) return fmt::format("'{}' is not a host name", name);
  slots = 0;
  if (!counted) return {};
  const std::optional<int64_t> number = parse_integer(count);
  if (!number || *number < 1 || *number > kMostSlots) return fmt::format("'{}' is not a number of slots from 1 to {}", count, kMostSlots);
  slots = *number;
  return {};
}

/// Collects hosts, each once.
class Hosts {
 public:
  void add(std::string_view name, int64_t slots) {
    const auto [entry, fresh] = index_.try_emplace(std::string(name), hosts_.size());
    if (fresh) {
      hosts_.push_back({std::string(name), slots});
      return;
    }
    Host& host = hosts_[entry->second];  // a bare line that is repeated is a slot each time
    host.slots = std::max<int64_t>(host.slots, 1) + std::max<int64_t>(slots, 1);
  }
  std::vector<Host> take() { return std::move(hosts_); }

 private:
  std::vector<Host> hosts_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (size_t begin = 0;;) {
    const size_t end = name.find('.', begin);
    if (!is_label(name.substr(begin, end - begin))) return false;
    if (end == std::string_view::npos) return true;
    begin = end + 1;
  }
}

HostList parse_hostfile(std::string_view text, const std::string& file) {
  HostList list;
  Hosts hosts;
  std::vector<Complaint> complaints;
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
    list.notes.push_back(fmt::format("'{}' begins with a byte order mark: ignored", file));
  }
  bool carriage_returns = false;
  int number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    carriage_returns |= line.ends_with('\r');
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    std::string_view name;
    int64_t slots = 0;
    if (const auto wrong = parse_line(line, name, slots)) {
      complaints.push_back({"hostfile: " + *wrong, Place{file, number, 0}, {}, "lines are 'host', 'host:N' or 'host slots=N'"});
      if (complaints.size() == kComplaintsShown) break;
    } else {
      hosts.add(name, slots);
    }
  }
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
  list.hosts = hosts.take();
  if (list.hosts.empty())
    throw Error(Exit::preflight, "hostfile '{}' names no host", file)
        .hint("give one host a line, or leave out --hostfile to use this machine");
  if (carriage_returns) list.notes.push_back(fmt::format("'{}' has CRLF line ends: accepted", file));
  return list;
}

}  // namespace llmrun
