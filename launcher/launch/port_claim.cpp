#include "launcher/launch/port_claim.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <random>

#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr uint16_t kFirst = 20000, kLast = 32767;  // Linux hands out 32768 and above
constexpr int kTries = 1000;

/// A socket bound to `address`, or -1.
int bound(int family, const sockaddr* address, socklen_t length) {
  const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor >= 0 && ::bind(descriptor, address, length) == 0) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

bool is_free(uint16_t port) {
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;  // of both families, where the machine has both
  any.sin6_port = htons(port);
  int descriptor = bound(AF_INET6, reinterpret_cast<const sockaddr*>(&any), sizeof any);
  if (descriptor < 0 && errno == EAFNOSUPPORT) {
    sockaddr_in four{};
    four.sin_family = AF_INET;
    four.sin_port = htons(port);
    descriptor = bound(AF_INET, reinterpret_cast<const sockaddr*>(&four), sizeof four);
  }
  if (descriptor >= 0) ::close(descriptor);
  return descriptor >= 0;
}

/// Keeps every other llmrun of this machine away from the port.
int claim(uint16_t port) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = fmt::format("llmrun-port-{}", port);
  std::memcpy(name.sun_path + 1, text.data(), text.size());  // a leading zero: no file
  return bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&name),
               static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size()));
}

}  // namespace

PortClaim::PortClaim() {
  std::random_device random;
  std::uniform_int_distribution<int> ports(kFirst, kLast);
  for (int left = kTries; left > 0; --left) {
    port_ = static_cast<uint16_t>(ports(random));
    claim_ = claim(port_);
    if (claim_ < 0) continue;
    if (is_free(port_)) return;
    ::close(std::exchange(claim_, -1));
  }
  throw Error(Exit::preflight, "no TCP port between {} and {} is free for the ranks to meet on", kFirst, kLast)
      .hint("ss -tln shows who listens");
}

PortClaim::~PortClaim() { ::close(claim_); }

}  // namespace llmrun
