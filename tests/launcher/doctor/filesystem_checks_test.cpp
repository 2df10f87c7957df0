#include <stdlib.h>

#include "tests/launcher/doctor/world.h"

using namespace llmrun;

namespace {

/// A quota(1) that is asked for a mount point; blocks of 1 KiB.
std::string quota(int64_t used, int64_t soft, int64_t hard, const std::string& mark = "") {
  return "mountpoint -q \"$3\" || exit 2\nprintf 'Disk quotas for user ada (uid 1000): \\n     Filesystem  blocks   quota   limit   grace  "
         " files   quota   limit   "
         "grace\\n" +
         std::string("          /home  ") + std::to_string(used) + mark + " " + std::to_string(soft) + " " + std::to_string(hard) +
         "             160       0       0\\n'";
}

}  // namespace

TEST_CASE("HOME: writable, with room, and a quota that is not known is said so") {
  World world;
  const Result home = world(filesystem_checks, "home");
  CHECK(home.verdict == Verdict::ok);
  CHECK(has(home.seen, "is writable"));
  CHECK(has(home.seen, "quota not known"));
  world.here.environment.set("HOME", "/proc");  // nobody can make a file there, not even root
  CHECK(world(filesystem_checks, "home").verdict == Verdict::warn);
  world.here.environment.set("HOME", world.directory / "nowhere");
  CHECK(world(filesystem_checks, "home").verdict == Verdict::fail);
  world.here.environment.remove("HOME");
  CHECK(world(filesystem_checks, "home").verdict == Verdict::warn);
}

TEST_CASE("a quota is read where a tool tells it: room, nearly full, over") {
  const World world;
  world.command("quota", quota(1024 * 1024, 4 * 1024 * 1024, 5 * 1024 * 1024));
  CHECK(has(world(filesystem_checks, "home").seen, "1 GiB of a quota of 4 GiB used"));
  CHECK(world(filesystem_checks, "home").verdict == Verdict::ok);
  world.command("quota", quota(970, 0, 1000));
  CHECK(world(filesystem_checks, "home").verdict == Verdict::warn);
  world.command("quota", quota(1001, 1000, 2000, "*") + "; exit 1");
  CHECK(world(filesystem_checks, "home").verdict == Verdict::fail);
  world.command("quota", quota(1001, 0, 0));
  CHECK(has(world(filesystem_checks, "home").seen, "quota not known"));
}

TEST_CASE("where runs are written is the run's directory, or the nearest that exists") {
  World world;
  CHECK(has(world(filesystem_checks, "run directory").seen, "'" + world.directory.path().string() + "' is writable"));
  world.config().run.dir = "/proc/runs/king";
  const Result result = world(filesystem_checks, "run directory");
  CHECK(result.verdict == Verdict::fail);
  CHECK(has(result.seen, "'/proc' cannot be written"));
}

TEST_CASE("a list of jobs that cannot be written is a warning") {
  World world;
  CHECK(world(filesystem_checks, "state").verdict == Verdict::ok);
  world.here.environment.set("XDG_STATE_HOME", "/proc/state");
  CHECK(world(filesystem_checks, "state").verdict == Verdict::warn);
  world.here.environment.remove("XDG_STATE_HOME");
  world.here.environment.remove("HOME");
  CHECK(world(filesystem_checks, "state").verdict == Verdict::warn);
}

TEST_CASE("TMPDIR: there, writable, and short enough for a socket's path; what the machine sets for ranks counts") {
  World world;
  CHECK(world(filesystem_checks, "TMPDIR").verdict == Verdict::ok);  // unset: /tmp
  world.here.environment.set("TMPDIR", "/nowhere");
  CHECK(world(filesystem_checks, "TMPDIR").verdict == Verdict::fail);
  world.here.environment.set("TMPDIR", "/proc");
  CHECK(world(filesystem_checks, "TMPDIR").verdict == Verdict::fail);
  // The form that PBS gives it on Polaris.
  const std::string of_pbs = world.directory / "pbs.1234567.polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov";
  std::filesystem::create_directory(of_pbs);
  world.here.environment.set("TMPDIR", of_pbs);
  const Result too_long = world(filesystem_checks, "TMPDIR");
  CHECK(too_long.verdict == Verdict::warn);
  CHECK(too_long.remedy == "export TMPDIR=/tmp");
  world.config().machine.environment.emplace_back("TMPDIR", "/tmp");
  CHECK(world(filesystem_checks, "TMPDIR").verdict == Verdict::ok);
}

TEST_CASE("a file system that jobs ask for: mounted, the project's own directory in it, an empty mount point, or not known") {
  World world;
  world.config().machine.filesystems = {"home", "dev/shm", "etc", "nowhere"};  // '/dev/shm' is one everywhere, as '/eagle' is at its site
  CHECK(has(world(filesystem_checks, "file system home").seen, "'" + (world.directory / "home") + "' is there and writable"));
  CHECK(has(world(filesystem_checks, "file system dev/shm").seen, "'/dev/shm' is mounted; where you may write in it is not known"));
  CHECK(world(filesystem_checks, "file system nowhere").verdict == Verdict::warn);
  const Result empty = world(filesystem_checks, "file system etc");
  CHECK(empty.verdict == Verdict::warn);
  CHECK(has(empty.seen, "'/etc' is a directory of the root file system: nothing is mounted there"));
  for (const char* below : {"", "projects/"}) {
    std::string project = std::string("/dev/shm/") + below + "llmrun-test-XXXXXX";
    std::filesystem::create_directories(std::filesystem::path(project).parent_path());
    REQUIRE(::mkdtemp(project.data()) != nullptr);
    world.config().job.account = std::filesystem::path(project).filename().string();
    const Result own = world(filesystem_checks, "file system dev/shm");
    CHECK_MESSAGE(has(own.seen, "'" + project + "' is writable"), own.seen);
    std::filesystem::remove(project);
  }
  std::error_code not_empty;  // somebody else's
  std::filesystem::remove("/dev/shm/projects", not_empty);
  world.config().job.filesystems = {"home"};
  CHECK(filesystem_checks(world.here).size() == 5);  // the job's own list holds, over the machine's
}
