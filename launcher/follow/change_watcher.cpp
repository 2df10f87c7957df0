#include "launcher/follow/change_watcher.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace llmrun {

ChangeWatcher::ChangeWatcher() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

ChangeWatcher::~ChangeWatcher() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ChangeWatcher::watch(const std::filesystem::path& directory) {
  directories_.push_back(directory.string());
  arm();
}

void ChangeWatcher::arm() {
  if (descriptor_ < 0) return;
  for (const std::string& directory : directories_)
    ::inotify_add_watch(descriptor_, directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONESHOT);
}

void ChangeWatcher::wait(std::chrono::milliseconds least, std::chrono::milliseconds most, int reader) {
  pollfd events[] = {{reader, 0, 0}, {descriptor_, POLLIN, 0}};  // poll passes over negative ones
  if (::poll(events, 1, static_cast<int>(least.count())) == 0) ::poll(events, 2, static_cast<int>(most.count()));
  char drained[4096];
  while (descriptor_ >= 0 && ::read(descriptor_, drained, sizeof drained) > 0) {
  }
  arm();  // before the caller looks: what comes after that look is heard
}

bool is_unread(int descriptor) {
  pollfd event{descriptor, 0, 0};
  return ::poll(&event, 1, 0) > 0 && (event.revents & (POLLERR | POLLNVAL)) != 0;
}

}  // namespace llmrun
