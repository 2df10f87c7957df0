#pragma once
#include <sys/stat.h>

namespace llmrun {

// Who may read and change what we write, whatever umask the shell brought. Both speak to the umask, which is the process's: not beside
// threads that make files of another kind. The programs that a process starts inherit it.

/// What we write is executed in jobs and read by the next one: a umask that lets everybody change it is taken for an accident, and becomes
/// 022; one that lets the group (002, of a project's directory) is somebody's wish. First thing in every main.
inline void keep_others_from_writing() {
  const mode_t before = ::umask(0);
  ::umask((before & S_IWOTH) != 0 ? before : before | S_IWGRP | S_IWOTH);
}

/// While it lives, what is made is its owner's alone (0600, directories 0700): scripts, records, and where ranks meet.
class OwnerOnly {
 public:
  OwnerOnly() : before_(::umask(S_IRWXG | S_IRWXO)) {}
  ~OwnerOnly() { ::umask(before_); }
  OwnerOnly(const OwnerOnly&) = delete;
  OwnerOnly& operator=(const OwnerOnly&) = delete;

 private:
  mode_t before_;
};

}  // namespace llmrun
