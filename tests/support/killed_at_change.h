#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace llmrun {

/// Whether a system call changes something outside of the process: files, or another process.
inline bool changes_something(const __ptrace_syscall_info& call) {
  constexpr std::array kChanges{
      SYS_write,    SYS_pwrite64, SYS_writev,   SYS_ftruncate, SYS_fsync,     SYS_fdatasync, SYS_fchmod, SYS_mkdirat, SYS_renameat2,
      SYS_renameat, SYS_unlinkat, SYS_fchmodat, SYS_linkat,    SYS_symlinkat, SYS_clone,     SYS_clone3, SYS_kill,    SYS_flock,
#ifdef SYS_rename  // older machines have these too
      SYS_rename,   SYS_mkdir,    SYS_unlink,   SYS_rmdir,     SYS_chmod,     SYS_creat,     SYS_fork,   SYS_vfork,
#endif
  };
  const auto number = static_cast<long>(call.entry.nr);
  if (number == SYS_openat) return (call.entry.args[2] & O_CREAT) != 0;
  for (const long one : kChanges)
    if (one == number) return true;
  return false;
}

/// Runs a shell script that ends with `exec PROGRAM ...`, and kills that program, and nobody else, where it is about to do the n-th thing
/// (from 1) that changes something. False where it ended before.
inline bool killed_at_change(const std::string& script, const std::filesystem::path& program, int n) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0, done = 0, pass = 0;
  const auto next = [&] { return ::waitpid(child, &status, 0) == child && WIFSTOPPED(status); };
  if (child < 0 || !next() || ::ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC) != 0)
    throw std::runtime_error("cannot trace a child");
  const std::string exe = "/proc/" + std::to_string(child) + "/exe";
  for (bool there = false;; pass = 0) {
    ::ptrace(PTRACE_SYSCALL, child, nullptr, pass);
    if (!next()) return false;
    if (const int signal = WSTOPSIG(status); signal != (SIGTRAP | 0x80)) {
      pass = signal == SIGTRAP ? 0 : signal;  // what others sent it goes on to it
      continue;
    }
    __ptrace_syscall_info call{};
    ::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call);
    there = there || std::filesystem::equivalent(exe, program);
    if (!there || call.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(call) || ++done < n) continue;
    ::kill(child, SIGKILL);
    while (::waitpid(child, &status, 0) == child && !WIFSIGNALED(status) && !WIFEXITED(status)) {
    }
    return true;
  }
}

}  // namespace llmrun
