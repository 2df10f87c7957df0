#include "launcher/rundir/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "engine/core/file.h"
#include "engine/core/file_lock.h"
#include "engine/core/system_error.h"
#include "launcher/site/allocation.h"

namespace llmrun {

RunLock::RunLock(const std::filesystem::path& file, std::chrono::milliseconds patience)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) {
  if (descriptor_ < 0) throw system_error(Exit::preflight, "lock", file, errno);
  if (!take_lock(descriptor_, patience)) {
    const int cause = errno;
    ::close(descriptor_);
    if (cause != EWOULDBLOCK) throw system_error(Exit::preflight, "lock", file, cause);
    std::string owner = read_file(file);
    while (owner.ends_with('\n')) owner.pop_back();
    throw Error(Exit::preflight, "run directory '{}' is in use by {}", file.parent_path().string(),
                owner.empty() ? "another llmrun" : owner)
        .hint("wait for it, or give this run a directory of its own: --set run.dir=outputs/another");
  }
  const std::string owner = fmt::format("process {} on {}\n", ::getpid(), short_host_name());
  if (::ftruncate(descriptor_, 0) != 0 || ::pwrite(descriptor_, owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size()))
    throw system_error(Exit::preflight, "write", file, errno);
}

RunLock::~RunLock() { ::close(descriptor_); }

bool is_locked(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool locked = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(descriptor);
  return locked;
}

}  // namespace llmrun
