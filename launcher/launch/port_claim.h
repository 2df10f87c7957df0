#pragma once
#include <cstdint>

namespace llmrun {

/// A TCP port for the ranks of a launch to meet on (MASTER_PORT), free on this machine now and no other llmrun's of this machine for as
/// long as this lives. Below the range that the kernel hands out by itself, so that no connection takes it before rank 0 listens. Nothing
/// is bound: the program must be able to, however it does it. On a machine other than rank 0's it is a guess, at random.
class PortClaim {
 public:
  /// Throws Error(Exit::preflight) where no port is free.
  PortClaim();
  PortClaim(const PortClaim&) = delete;
  PortClaim& operator=(const PortClaim&) = delete;
  ~PortClaim();
  uint16_t port() const { return port_; }

 private:
  uint16_t port_ = 0;
  int claim_ = -1;  // a socket with an abstract name: the kernel drops it with this process
};

}  // namespace llmrun
