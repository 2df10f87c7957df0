#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sstream>

#include "engine/core/units.h"
#include "launcher/doctor/rank_probe.h"
#include "launcher/doctor/surroundings.h"
#include "launcher/rundir/room.h"
#include "launcher/scheduler/queued_job.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kLittle = int64_t{1} << 30;  // bytes left that hold no checkpoint worth the name
constexpr double kNearlyFull = 0.95;           // of a quota
constexpr size_t kSocketPath = 107;            // bytes in sockaddr_un.sun_path without its NUL
constexpr size_t kBehindTmp = 60;              // what Open MPI, PMIx and Python put behind TMPDIR: session directory and socket name
constexpr long kLustre = 0x0BD00BD0;           // LUSTRE_SUPER_MAGIC

std::string shown(int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

/// Whether a file can be made there, by making one.
bool can_write(const fs::path& directory) {
  std::string name = (directory / ".llmrun-doctor-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  if (file < 0) return false;
  ::close(file);
  ::unlink(name.c_str());
  return true;
}

std::optional<int64_t> bytes_left(const fs::path& directory) {
  struct statvfs space {};
  if (::statvfs(directory.c_str(), &space) != 0) return {};
  return static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
}

struct Quota {
  int64_t used = 0, limit = 0;  // bytes; the soft limit where there is one
};

/// The first line of figures of `quota -w` or `lfs quota`: file system, KiB used, soft limit, hard limit. A '*' marks what is over,
/// brackets what is not exact; a limit of 0 is none.
std::optional<Quota> quota_in(const std::string& text) {
  std::istringstream lines(text);
  bool head = false;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string where, used, soft, hard;
    words >> where >> used >> soft >> hard;
    if (where == "Filesystem") {
      head = true;
      continue;
    }
    if (!head) continue;
    std::erase_if(used, [](char c) { return c == '*' || c == '[' || c == ']'; });
    const auto kib = parse_integer(used), least = parse_integer(soft), most = parse_integer(hard);
    if (!kib || !least || !most) return {};
    const int64_t limit = *least > 0 ? *least : *most;
    if (limit > 0) return Quota{*kib * 1024, limit * 1024};
  }
  return {};
}

/// Where the file system of `directory` begins: quota(1) knows it by that.
fs::path mount_point(fs::path directory) {
  struct stat inside {
  }, above{};
  while (directory.has_relative_path() && ::stat(directory.c_str(), &inside) == 0 && ::stat(directory.parent_path().c_str(), &above) == 0 &&
         inside.st_dev == above.st_dev)
    directory = directory.parent_path();
  return directory;
}

/// The user's quota on the file system of `directory`, where a tool here knows it; `why` not otherwise.
std::optional<Quota> quota_of(const Surroundings& here, const fs::path& directory, std::string& why) {
  struct statfs system {};
  const bool lustre = ::statfs(directory.c_str(), &system) == 0 && system.f_type == kLustre;
  const char* tool = lustre ? "lfs" : "quota";
  why = "quota not known";
  if (!here.has(tool)) return {};
  const std::vector<std::string> argv = lustre ? std::vector<std::string>{"lfs", "quota", "-u", here.user, directory.string()}
                                               : std::vector<std::string>{"quota", "-w", "-f", mount_point(directory).string()};
  const Answer answer = ask({argv, here.environment}, here.patience);  // quota(1) ends with 1 where the user is over it
  const auto quota = answer.late ? std::nullopt : quota_in(answer.out);
  if (!quota) why = fmt::format("quota not known: '{}' told none", fmt::join(argv, " "));
  return quota;
}

/// Whether files can be made in `directory`, and how many bytes may still come.
Result look_at_room(const Surroundings& here, const fs::path& directory) {
  const std::string name = directory.string();
  if (!can_write(directory)) return {Verdict::fail, fmt::format("'{}' cannot be written", name), fmt::format("ls -ld '{}'", name)};
  const auto left = bytes_left(directory);
  std::string why;
  const auto quota = quota_of(here, directory, why);
  std::string seen = fmt::format("'{}' is writable, {}, {}", name, left ? shown(*left) + " left" : "room not known",
                                 quota ? fmt::format("{} of a quota of {} used", shown(quota->used), shown(quota->limit)) : why);
  if (quota && quota->used >= quota->limit) return {Verdict::fail, seen, fmt::format("delete files below '{}'", name)};
  if (quota && static_cast<double>(quota->used) > kNearlyFull * static_cast<double>(quota->limit))
    return {Verdict::warn, seen, fmt::format("delete files below '{}'", name)};
  if (left && *left < kLittle)
    return {Verdict::warn, seen, fmt::format("df -h '{}'; free some, or --set run.dir=DIRECTORY elsewhere", name)};
  return {Verdict::ok, std::move(seen), {}};
}

Result look_at_home(const Surroundings& here) {
  const auto home = here.environment.get("HOME");
  if (!home || home->empty()) return {Verdict::warn, "HOME is not set: your profiles and list of jobs have no place", "export HOME"};
  if (!fs::is_directory(*home)) return {Verdict::fail, fmt::format("HOME '{}' is no directory", *home), "export HOME=DIRECTORY"};
  Result result = look_at_room(here, *home);
  if (result.verdict == Verdict::fail && !can_write(*home)) result.verdict = Verdict::warn;  // a run needs none of it
  return result;
}

Result look_at_run_directory(const Surroundings& here) { return look_at_room(here, place_of_runs(here.sources.directory, here.config())); }

Result look_at_state(const Surroundings& here) {
  const fs::path list = job_list_file(here.environment);
  if (list.empty()) return {Verdict::warn, "no home: jobs that you queue are not listed", "export HOME, or XDG_STATE_HOME=DIRECTORY"};
  const fs::path directory = nearest_that_exists(list.parent_path());
  if (can_write(directory)) return {Verdict::ok, fmt::format("'{}' can be written", list.parent_path().string()), {}};
  return {Verdict::warn, fmt::format("'{}' cannot be written: jobs that you queue are not listed", directory.string()),
          "export XDG_STATE_HOME=DIRECTORY"};
}

/// TMPDIR as ranks get it: what the machine's environment sets counts.
Result look_at_tmp(const Surroundings& here) {
  std::string tmp = here.environment.get("TMPDIR").value_or(""), whose = "TMPDIR";
  for (const auto& [name, value] : here.config().machine.environment)
    if (name == "TMPDIR") tmp = value, whose = "TMPDIR of the machine profile";
  if (tmp.empty()) tmp = "/tmp", whose = "TMPDIR is not set:";
  const std::string seen = fmt::format("{} '{}'", whose, tmp);
  if (!fs::is_directory(tmp)) return {Verdict::fail, seen + " is no directory", "export TMPDIR=/tmp"};
  if (!can_write(tmp)) return {Verdict::fail, seen + " cannot be written", "export TMPDIR=/tmp"};
  if (tmp.size() + kBehindTmp > kSocketPath)
    return {Verdict::warn,
            fmt::format("{} has {} characters: with what MPI puts behind it a socket's path may pass the kernel's {}", seen, tmp.size(),
                        kSocketPath),
            "export TMPDIR=/tmp"};
  return {Verdict::ok, seen + " is short and writable", {}};
}

/// The project's own directory in a file system, where it has one: '/eagle/PROJECT', '/lus/flare/projects/PROJECT'.
std::optional<fs::path> directory_of_project(const fs::path& place, const std::string& account) {
  if (account.empty()) return {};
  for (const fs::path& directory : {place / account, place / "projects" / account})
    if (fs::is_directory(directory)) return directory;
  return {};
}

/// HOME under the name that jobs ask for it.
Result look_at_home_of_jobs(const Surroundings& here) {
  const std::string home = here.environment.get("HOME").value_or("/home");
  if (!fs::is_directory(home)) return {Verdict::warn, fmt::format("'{}' is no directory here", home), "export HOME=DIRECTORY"};
  if (!can_write(home)) return {Verdict::warn, fmt::format("'{}' cannot be written", home), fmt::format("ls -ld '{}'", home)};
  return {Verdict::ok, fmt::format("'{}' is there and writable", home), {}};
}

/// A file system by the name that jobs ask for it: looked for where sites mount them. The directory that a mount is missing from is there
/// all the same, and what is written into it is gone with the node.
Result look_at_filesystem(const Surroundings& here, const std::string& name) {
  if (name == "home") return look_at_home_of_jobs(here);
  for (const fs::path& place : {fs::path("/") / name, fs::path("/lus") / name}) {
    if (!fs::is_directory(place)) continue;
    if (mount_point(fs::canonical(place)) == "/")
      return {Verdict::warn, fmt::format("'{}' is a directory of the root file system: nothing is mounted there", place.string()),
              fmt::format("df -h {}", place.string())};
    if (const auto own = directory_of_project(place, here.config().job.account)) return look_at_room(here, *own);
    return {Verdict::ok, fmt::format("'{}' is mounted; where you may write in it is not known", place.string()), {}};
  }
  return {Verdict::warn, fmt::format("neither '/{0}' nor '/lus/{0}' is a directory here; where it is mounted is not known", name),
          fmt::format("df -h; --set job.filesystems=[...] without {}", name)};
}

}  // namespace

std::vector<Check> filesystem_checks(const Surroundings& here) {
  std::vector<Check> checks{{"home", "HOME can be written and has room", [=] { return look_at_home(here); }},
                            {"run directory", "runs can be written here and have room", [=] { return look_at_run_directory(here); }},
                            {"state", "queued jobs can be written down", [=] { return look_at_state(here); }},
                            {"TMPDIR", "temporary files and sockets have a place with a short name", [=] { return look_at_tmp(here); }}};
  const JobConfig& job = here.config().job;
  for (const std::string& name : job.filesystems.empty() ? here.config().machine.filesystems : job.filesystems)
    checks.push_back({"file system " + name, "what jobs ask for is mounted here", [=] { return look_at_filesystem(here, name); }});
  return checks;
}

}  // namespace llmrun
