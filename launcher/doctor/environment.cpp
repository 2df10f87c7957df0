#include <netdb.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "engine/core/units.h"
#include "launcher/doctor/surroundings.h"

namespace llmrun {
namespace {

constexpr const char* kTracker = "api.wandb.ai:443";  // what --network tries where no proxy is set

Result look_at_stale_ranks(const Surroundings& here) {
  std::vector<std::string> left;
  for (const std::string& name : stale_identity_names())
    if (here.environment.get(name)) left.push_back(name);
  if (left.empty()) return {Verdict::ok, "no other launch left a rank's variables behind", {}};
  return {Verdict::warn,
          fmt::format("{} left by another launch: llmrun takes them out, other programs would believe them", fmt::join(left, ", ")),
          fmt::format("unset {}", fmt::join(left, " "))};
}

/// host:port of a proxy; a name and a password in front of it are nobody's business.
std::string host_of(std::string url) {
  if (const size_t scheme = url.find("://"); scheme != std::string::npos) url.erase(0, scheme + 3);
  url = url.substr(0, url.find('/'));
  return url.substr(url.rfind('@') + 1);
}

/// Nothing, or why host:port cannot be reached.
std::string connect_fault(const std::string& address, std::chrono::milliseconds patience) {
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon), port = colon == std::string::npos ? "80" : address.substr(colon + 1);
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) return ::gai_strerror(code);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  std::string fault = "no address";
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int number = ::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (number < 0) continue;
    int error = ::connect(number, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (pollfd writable{number, POLLOUT, 0}; error == EINPROGRESS) {
      socklen_t size = sizeof error;
      if (::poll(&writable, 1, static_cast<int>(patience.count())) <= 0)
        error = ETIMEDOUT;
      else
        ::getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    ::close(number);
    if (error == 0) return {};
    fault = std::strerror(error);
  }
  return fault;
}

Result look_at_network(const Surroundings& here) {
  std::string proxy;
  for (const char* name : {"https_proxy", "HTTPS_PROXY"})
    if (proxy.empty()) proxy = host_of(here.environment.get(name).value_or(""));
  std::string seen = proxy.empty() ? "https_proxy is not set" : fmt::format("https_proxy is '{}'", proxy);
  if (!here.network) return {Verdict::ok, seen + "; not tried (--network does)", {}};
  const std::string address = proxy.empty() ? kTracker : proxy;
  const std::string fault = connect_fault(address, here.patience);
  if (fault.empty()) return {Verdict::ok, fmt::format("{}; '{}' answers", seen, address), {}};
  return {
      Verdict::warn, fmt::format("{}; '{}' cannot be reached: {}", seen, address, fault),
      proxy.empty() ? "export https_proxy=http://PROXY:PORT, as your site says" : "the proxy of your site has another name, or is down"};
}

std::string limit_shown(rlim_t limit, bool bytes) {
  if (limit == RLIM_INFINITY) return "unlimited";
  return bytes ? human_bytes(static_cast<double>(limit)) : std::to_string(limit);
}

/// A rank holds a socket to every other where it talks over tcp, and a file a shard while it saves.
Result look_at_limits() {
  constexpr rlim_t kFewFiles = 1024;
  rlimit files{}, locked{}, core{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_MEMLOCK, &locked);
  ::getrlimit(RLIMIT_CORE, &core);
  std::string seen = fmt::format("open files {} (up to {}), locked memory {}, core files {}", limit_shown(files.rlim_cur, false),
                                 limit_shown(files.rlim_max, false), limit_shown(locked.rlim_cur, true), limit_shown(core.rlim_cur, true));
  if (files.rlim_cur < kFewFiles)
    return {Verdict::warn, std::move(seen), fmt::format("ulimit -n {}", std::min(files.rlim_max, rlim_t{65536}))};
  return {Verdict::ok, std::move(seen), {}};
}

/// A clock before the build of this program is wrong; whether it is kept right, the kernel knows.
Result look_at_clock(const Surroundings& here) {
  const auto built = std::chrono::file_clock::to_sys(std::filesystem::last_write_time(here.program));
  const auto now = std::chrono::system_clock::now();
  if (now + std::chrono::hours(24) < built)
    return {Verdict::fail, "the clock is behind the day this program was built", "date; ask who runs this machine"};
  timex kernel{};
  const int state = ::adjtimex(&kernel);
  if (state < 0) return {Verdict::ok, "whether it is kept by NTP is not known", {}};
  if (state == TIME_ERROR || (kernel.status & STA_UNSYNC) != 0)
    return {Verdict::warn, "the kernel says that nothing keeps it: logs of several hosts may not sort",
            "timedatectl; ask who runs this machine"};
  return {Verdict::ok, "kept by NTP", {}};
}

}  // namespace

std::vector<Check> environment_checks(const Surroundings& here) {
  return {{"stale ranks", "the shell holds nothing that a rank would believe", [=] { return look_at_stale_ranks(here); }},
          {"network", "the way to trackers outside", [=] { return look_at_network(here); }},
          {"limits", "what this shell may use", [] { return look_at_limits(); }},
          {"clock", "the clock is right", [=] { return look_at_clock(here); }}};
}

}  // namespace llmrun
