#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

/// A machine that a run may use. `slots` is how many ranks its owner wants there; 0: not said (one a GPU, else shared out evenly).
struct Host {
  std::string name;
  int64_t slots = 0;
  friend bool operator==(const Host&, const Host&) = default;
};

struct HostList {
  std::vector<Host> hosts;         // in the order in which they were first named
  std::vector<std::string> notes;  // oddities that were accepted, to be told once
};

/// Labels of letters, digits and inner hyphens, 63 at most, 253 in all (RFC 1123): no name that a shell or an option parser reads
/// as something else.
bool is_host_name(std::string_view name);

/// Lines `host`, `host:N` or `host slots=N`; blank lines and `#` comments are skipped; a repeated host counts slots.
/// A byte order mark and CRLF line ends are accepted with a note. Throws Error(Exit::preflight) with a complaint a bad line: names that
/// are no host names (a leading `-` among them), bad counts, bytes that are not UTF-8, and a file without a host.
HostList parse_hostfile(std::string_view text, const std::string& file);

}  // namespace llmrun
