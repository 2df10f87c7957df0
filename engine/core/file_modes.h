#pragma once
#include <sys/stat.h>

namespace llmrun {

// Who may read and change what we write, whatever umask the shell brought. Both speak to the umask, which is the process's: not beside
// threads that make files of another kind. The programs that a process starts inherit it.

/// What we write is executed in jobs and read by the next one: nobody but its owner may change it. First thing in every main.
inline void keep_others_from_writing() { ::umask(::umask(0) | S_IWGRP | S_IWOTH); }

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
