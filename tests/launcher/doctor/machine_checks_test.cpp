#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/doctor/pmix.h"
#include "tests/launcher/doctor/world.h"

using namespace llmrun;

namespace {

const std::string kProfiles = LLMRUN_SOURCE_DIR "/profiles";

/// A socket of this machine that listens, or one that is closed again and so refuses.
uint16_t local_port(bool listening, int& socket) {
  socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  if (listening) REQUIRE(::listen(socket, 1) == 0);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

TEST_CASE("llmrun-rank must be there, and of llmrun's version") {
  const World world;
  CHECK(world(program_checks, "programs").verdict == Verdict::fail);
  world.program("prefix/bin/llmrun-rank", "echo llmrun-rank 1.2.2");
  const Result other = world(program_checks, "programs");
  CHECK(other.verdict == Verdict::fail);
  CHECK(has(other.seen, "llmrun is 1.2.3, and beside it is 'llmrun-rank 1.2.2'"));
  world.program("prefix/bin/llmrun-rank", "echo llmrun-rank 1.2.3");
  CHECK(world(program_checks, "programs").verdict == Verdict::ok);
}

TEST_CASE("checksums are those of sha256") {
  const World world;
  std::filesystem::create_symlink("/usr/bin/sha256sum", world.directory / "bin/sha256sum");
  // FIPS 180-2, appendix B.1: the digest of "abc".
  CHECK(world(program_checks, "checksums").seen == "llmrun ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a build without CUDA is enough on CPUs, and fails where nodes have GPUs") {
  World world;
  CHECK(world(program_checks, "build").seen == "without CUDA and NCCL, without MPI, without PMIx");
  CHECK(world(program_checks, "build").verdict == Verdict::ok);
  world.config().machine.node.gpus = 4;
  CHECK(world(program_checks, "build").verdict == Verdict::fail);
  world.write("prefix/lib/llmrun/llmrun_cuda.so", "");
  CHECK(world(program_checks, "build").verdict == Verdict::ok);
  CHECK(world(program_checks, "build").seen == "with CUDA and NCCL, without MPI, without PMIx");
}

TEST_CASE("a configuration that is refused is told with its hint and the number of further complaints") {
  World world;
  CHECK(world(profile_checks, "configuration").verdict == Verdict::ok);
  world.here.refused = Error(Exit::config, std::vector<Complaint>{{"bad 'key'", {}, {}, "good key"}, {"another", {}, {}, ""}});
  const Result refused = world(profile_checks, "configuration");
  CHECK(refused.verdict == Verdict::fail);
  CHECK(refused.seen == "bad 'key' (and 1 more)");
  CHECK(refused.remedy == "good key");
}

TEST_CASE("the machine is told with why; one with a scheduler and without a profile is a warning") {
  World world;
  CHECK(world(profile_checks, "machine").verdict == Verdict::ok);
  world.command("qsub", "");
  const Result unknown = world(profile_checks, "machine");
  CHECK(unknown.verdict == Verdict::warn);
  CHECK(has(unknown.remedy, "--set machine=NAME"));
  world.here.sources.profile_directories = {kProfiles};
  world.here.sources.host = "sophia-login-02";
  world.config().machine.profile = "sophia";
  CHECK(world(profile_checks, "machine").seen == "'sophia': host 'sophia-login-02' fits its patterns");
  world.config().machine.profile = "polaris";
  CHECK(world(profile_checks, "machine").seen == "'polaris': it was named");
}

TEST_CASE("every shipped profile can be read, and one of the user's that cannot is named") {
  World world;
  world.here.sources.profile_directories = {world.directory / "mine", kProfiles};
  const Result shipped = world(profile_checks, "profiles");
  INFO(shipped.seen);
  CHECK(shipped.verdict == Verdict::ok);
  world.write("mine/machines/attic.yaml", "scheduler: pbs\nnodes: 3\n");
  const Result mine = world(profile_checks, "profiles");
  CHECK(mine.verdict == Verdict::fail);
  CHECK(has(mine.seen, "machine 'attic'"));
}

TEST_CASE("variables of another launch are a warning that names them") {
  World world;
  CHECK(world(environment_checks, "stale ranks").verdict == Verdict::ok);
  world.here.environment.set("RANK", "3");
  world.here.environment.set("WORLD_SIZE", "8");
  const Result stale = world(environment_checks, "stale ranks");
  CHECK(stale.verdict == Verdict::warn);
  CHECK(stale.remedy == "unset RANK WORLD_SIZE");
}

TEST_CASE("the network is tried only when asked, and a proxy's password is never shown") {
  World world;
  int refusing = -1, listening = -1;
  const uint16_t closed = local_port(false, refusing), open = local_port(true, listening);
  const auto proxy = [](uint16_t port) { return "http://ada:canary-4711@127.0.0.1:" + std::to_string(port) + "/"; };
  CHECK(has(world(environment_checks, "network").seen, "not tried"));
  world.here.environment.set("https_proxy", proxy(closed));
  CHECK(world(environment_checks, "network").verdict == Verdict::ok);  // not asked to try
  world.here.network = true;
  const Result refused = world(environment_checks, "network");
  CHECK(refused.verdict == Verdict::warn);
  CHECK(has(refused.seen, "Connection refused"));
  world.here.environment.set("https_proxy", proxy(open));
  const Result answered = world(environment_checks, "network");
  CHECK(answered.verdict == Verdict::ok);
  for (const Result& result : {refused, answered}) CHECK_FALSE(has(result.seen + result.remedy, "canary"));
  ::close(refusing);
  ::close(listening);
}

TEST_CASE("few open files are a warning with the line that mends it") {
  const World world;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit few = before;
  few.rlim_cur = 256;
  ::setrlimit(RLIMIT_NOFILE, &few);
  const Result warned = world(environment_checks, "limits");
  few.rlim_cur = std::min<rlim_t>(before.rlim_max, 4096);
  ::setrlimit(RLIMIT_NOFILE, &few);
  const Result fine = world(environment_checks, "limits");
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(warned.verdict == Verdict::warn);
  CHECK(warned.remedy.starts_with("ulimit -n "));
  CHECK(fine.verdict == Verdict::ok);
}

TEST_CASE("a clock that is behind the program's own build fails") {
  const World world;
  CHECK(world(environment_checks, "clock").verdict != Verdict::fail);
  std::filesystem::last_write_time(world.here.program, std::filesystem::file_time_type::clock::now() + std::chrono::hours(48));
  CHECK(world(environment_checks, "clock").verdict == Verdict::fail);
}

TEST_CASE("MPI: the profile's launcher must be there; without one, ranks stay on this machine") {
  World world;
  CHECK(world(launcher_checks, "MPI").verdict == Verdict::warn);
  world.command("mpirun", "echo 'mpirun (Open MPI) 4.1.4'; echo; echo 'Report bugs to http://www.open-mpi.org/community/help/'");
  CHECK(has(world(launcher_checks, "MPI").seen, "mpirun': mpirun (Open MPI) 4.1.4"));
  world.config().machine.launcher = "pals";
  const Result missing = world(launcher_checks, "MPI");
  CHECK(missing.verdict == Verdict::fail);
  CHECK(has(missing.seen, "no 'mpiexec' on the PATH"));
  world.command("mpiexec", "echo 'mpiexec (OpenRTE) 4.1.4'");
  const Result other = world(launcher_checks, "MPI");
  CHECK(other.verdict == Verdict::fail);
  CHECK(has(other.seen, "mpiexec' is Open MPI (mpiexec (OpenRTE) 4.1.4), and machine.launcher is pals"));
  CHECK(has(other.remedy, "--set machine.launcher=openmpi"));
  world.command("mpiexec", "echo 'pbs_version = 23.06.06'");  // as OpenPBS installs one
  CHECK(world(launcher_checks, "MPI").verdict == Verdict::fail);
  world.command("mpiexec", "echo 'mpiexec version 1.2.12'");
  CHECK(world(launcher_checks, "MPI").verdict == Verdict::ok);
  world.config().machine.launcher = "local";
  CHECK(world(launcher_checks, "MPI").verdict == Verdict::not_applicable);
}

TEST_CASE("PMIx before 4.2.6 and 5.0.0 is a warning, unless the distribution mended it") {
  CHECK(judge_pmix("OpenPMIx 4.2.2", "").verdict == Verdict::warn);
  CHECK(has(judge_pmix("OpenPMIx 4.2.2", "").seen, "CVE-2023-41915"));
  CHECK(judge_pmix("OpenPMIx 4.2.2", "4.2.2-1").verdict == Verdict::warn);
  CHECK(judge_pmix("OpenPMIx 4.2.2", "4.2.2-1+deb12u1").verdict == Verdict::ok);
  CHECK(judge_pmix("OpenPMIx 4.2.6", "").verdict == Verdict::ok);
  CHECK(judge_pmix("OpenPMIx 5.0.0", "").verdict == Verdict::warn);
  CHECK(judge_pmix("OpenPMIx 5.0.1", "").verdict == Verdict::ok);
  CHECK(judge_pmix("OpenPMIx 3.1.5", "").verdict == Verdict::warn);
}
