#include "engine/comm/socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr int kBacklog = 1024;  // every rank may connect before this one accepts the first

sockaddr_in socket_address(const Endpoint& endpoint) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(endpoint.port);
  if (inet_pton(AF_INET, endpoint.address.c_str(), &address.sin_addr) != 1) {
    throw Error(Exit::failed, "'{}' is not an IPv4 address", endpoint.address);
  }
  return address;
}

Socket new_socket() {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Error(Exit::failed, "cannot make a socket: {}", std::strerror(errno));
  return socket;
}

struct Interface {
  std::string name;
  std::string address;
};

/// The interfaces that are up and have an IPv4 address, but for loopback.
std::vector<Interface> interfaces() {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) throw Error(Exit::failed, "cannot list the network interfaces: {}", std::strerror(errno));
  std::vector<Interface> found;
  for (ifaddrs* each = all; each; each = each->ifa_next) {
    if (!each->ifa_addr || each->ifa_addr->sa_family != AF_INET) continue;
    if (!(each->ifa_flags & IFF_UP) || (each->ifa_flags & IFF_LOOPBACK)) continue;
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(each->ifa_addr)->sin_addr, text, sizeof text);
    found.push_back({each->ifa_name, text});
  }
  freeifaddrs(all);
  return found;
}

int preference(std::string_view name) {
  if (name.starts_with("hsn") || name.starts_with("ib")) return 2;
  if (name.starts_with("docker") || name.starts_with("virbr") || name.starts_with("br-")) return 0;
  return 1;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
  }
  return *this;
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::string Endpoint::text() const { return fmt::format("{}:{}", address, port); }

Endpoint parse_endpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  Endpoint endpoint;
  const char* end = text.data() + text.size();
  if (colon != std::string::npos) {
    endpoint.address = text.substr(0, colon);
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, endpoint.port);
    if (error == std::errc() && stop == end && endpoint.port != 0) return endpoint;
  }
  throw Error(Exit::failed, "'{}' is not an address and a port", text);
}

Socket listen_on(const std::string& address) {
  Socket socket = new_socket();
  const sockaddr_in where = socket_address({address, 0});
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    throw Error(Exit::failed, "cannot listen on '{}': {}", address, std::strerror(errno))
        .hint("name the interface that reaches the other hosts: export LLMRUN_INTERFACE=hsn0");
  }
  return socket;
}

Endpoint endpoint_of(const Socket& listener) {
  sockaddr_in where{};
  socklen_t length = sizeof where;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&where), &length) != 0) {
    throw Error(Exit::failed, "cannot tell where a socket listens: {}", std::strerror(errno));
  }
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &where.sin_addr, text, sizeof text);
  return {text, ntohs(where.sin_port)};
}

Socket connect_to(const Endpoint& endpoint, double timeout_s) {
  const sockaddr_in where = socket_address(endpoint);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(timeout_s);
  while (true) {
    Socket socket = new_socket();
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) == 0) return socket;
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(Exit::failed, "cannot connect to '{}': {}", endpoint.text(), std::strerror(errno))
          .hint("name the interface that reaches the other hosts: export LLMRUN_INTERFACE=hsn0");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

bool send_all(const Socket& socket, const void* bytes, size_t count) {
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t sent = ::send(socket.get(), next, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    count -= sent;
  }
  return true;
}

std::string own_address(bool all_on_this_host) {
  if (const char* address = std::getenv("LLMRUN_ADDRESS")) return address;
  if (const char* wanted = std::getenv("LLMRUN_INTERFACE")) {
    std::string names;
    for (const auto& each : interfaces()) {
      if (each.name == wanted) return each.address;
      names += (names.empty() ? "" : ", ") + each.name;
    }
    throw Error(Exit::preflight, "LLMRUN_INTERFACE '{}' is not an interface of this host that is up", wanted).hint("these are: {}", names);
  }
  if (all_on_this_host) return "127.0.0.1";
  Interface best;
  for (const auto& each : interfaces()) {
    if (preference(each.name) > (best.name.empty() ? 0 : preference(best.name))) best = each;
  }
  if (best.name.empty()) {
    throw Error(Exit::preflight, "this host has no network interface that reaches others").hint("export LLMRUN_ADDRESS=10.0.0.1");
  }
  return best.address;
}

}  // namespace llmrun
