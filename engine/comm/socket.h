#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace llmrun {

/// A file descriptor that is closed when it goes.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();
  int get() const { return descriptor_; }
  int release() { return std::exchange(descriptor_, -1); }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// An IPv4 address and a port: "10.1.2.3:40123".
struct Endpoint {
  std::string address;
  uint16_t port = 0;
  std::string text() const;
};
Endpoint parse_endpoint(const std::string& text);

/// A listening TCP socket on an ephemeral port, bound to this one address (never to all of them).
Socket listen_on(const std::string& address);
Endpoint endpoint_of(const Socket& listener);

/// Connects, trying again while nobody listens there, and throws Error(Exit::failed) after `timeout_s`.
Socket connect_to(const Endpoint& endpoint, double timeout_s);

/// Writes all of it to a blocking socket; false when the other side is gone.
bool send_all(const Socket& socket, const void* bytes, size_t count);

/// The address at which the other ranks reach this process: $LLMRUN_ADDRESS; else that of the interface $LLMRUN_INTERFACE; else
/// loopback when all ranks are on this host; else of the first interface that is up, fabrics (hsn, ib) before others and bridges of
/// containers never.
std::string own_address(bool all_on_this_host);

}  // namespace llmrun
