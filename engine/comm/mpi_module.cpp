// The module llmrun_mpi: ranks as MPI processes. MPI carries the messages; collectives are those of message_collectives.h, so that sums
// have the bits of every other backend (MPI_Allreduce promises neither an order nor bfloat16).
#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <fmt/format.h>
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "engine/comm/message_communicator.h"
#include "engine/core/error.h"

namespace llmrun {
namespace {

constexpr size_t kPiece = size_t{1} << 30;  // MPI counts in int
constexpr uint64_t kTags = 32000;           // every MPI has tags up to 32767
constexpr auto kEagerWait = std::chrono::microseconds(200);
constexpr auto kNap = std::chrono::microseconds(50);

std::string error_text(int code) {
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  return {text, static_cast<size_t>(length)};
}

void check(int code, const char* call) {
  if (code != MPI_SUCCESS) throw BrokenPort(fmt::format("{}: {}", call, error_text(code)));
}

/// MPI itself, from init to finalize, and every request under way: whichever call of the process waits moves all of them on.
class MpiProcess {
 public:
  MpiProcess() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  }
  ~MpiProcess() {
    // After a failure the others will not come to finalize: leaving without it makes the launcher end them.
    if (aborted_ || std::uncaught_exceptions() > 0) return;
    while (!requests_.empty() && !aborted_) progress();
    MPI_Finalize();
  }

  void send(MPI_Comm comm, int to, int tag, std::span<const std::byte> message) {
    throw_if_aborted();
    do {
      const size_t bytes = std::min(kPiece, message.size());
      Operation operation{.sent = {message.begin(), message.begin() + static_cast<ptrdiff_t>(bytes)}};
      MPI_Request request;
      check(MPI_Isend(operation.sent.data(), static_cast<int>(bytes), MPI_BYTE, to, tag, comm, &request), "MPI_Isend");
      requests_.push_back(request);
      operations_.push_back(std::move(operation));
      message = message.subspan(bytes);
    } while (!message.empty());
  }

  void receive(MPI_Comm comm, int from, int tag, const Call& call, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals) {
    throw_if_aborted();
    do {
      const size_t bytes = std::min(kPiece, into.size());
      MPI_Request request;
      check(MPI_Irecv(into.data(), static_cast<int>(bytes), MPI_BYTE, from, tag, comm, &request), "MPI_Irecv");
      requests_.push_back(request);
      operations_.push_back({.call = call, .bytes = bytes, .arrivals = arrivals});
      into = into.subspan(bytes);
      if (!into.empty()) ++arrivals->left;  // one more piece
    } while (!into.empty());
  }

  void arrived(const std::shared_ptr<Arrivals>& arrivals) {
    if (--arrivals->left > 0) return;
    if (arrivals->then) arrivals->then();
    arrivals->done = true;
  }

  void wait(const Arrivals& arrivals) {
    const auto begin = std::chrono::steady_clock::now();
    while (!arrivals.done) {
      throw_if_aborted();
      if (progress()) continue;
      // More ranks than cores is a normal day: whoever computes needs this one.
      const bool eager = std::chrono::steady_clock::now() - begin < kEagerWait;
      eager ? void(::sched_yield()) : std::this_thread::sleep_for(kNap);
    }
  }

  void abort() noexcept { aborted_ = true; }
  bool aborted() const { return aborted_; }

 private:
  /// A send (and the copy it sends) or a receive.
  struct Operation {
    std::vector<std::byte> sent;
    Call call;
    size_t bytes = 0;
    std::shared_ptr<Arrivals> arrivals;
  };

  /// Takes note of what is complete; false when nothing is.
  bool progress() {
    const int count = static_cast<int>(requests_.size());
    std::vector<int> indices(count);
    std::vector<MPI_Status> statuses(count);
    int completed = 0;
    const int code = MPI_Testsome(count, requests_.data(), &completed, indices.data(), statuses.data());
    if (code != MPI_SUCCESS && code != MPI_ERR_IN_STATUS) check(code, "MPI_Testsome");
    if (completed == MPI_UNDEFINED || completed == 0) return false;
    std::vector<std::shared_ptr<Arrivals>> in;
    for (int i = 0; i < completed; ++i) {
      if (code == MPI_ERR_IN_STATUS) check(statuses[i].MPI_ERROR, "a message");
      const Operation& operation = operations_[indices[i]];
      if (!operation.arrivals) continue;
      check_size(operation, statuses[i]);
      in.push_back(operation.arrivals);
    }
    forget(std::move(indices), completed);
    for (const auto& arrivals : in) arrived(arrivals);
    return true;
  }

  static void check_size(const Operation& operation, const MPI_Status& status) {
    int bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &bytes);
    if (static_cast<size_t>(bytes) == operation.bytes) return;
    throw BrokenPort(
        fmt::format("rank {} sent {} bytes where {} come in {}", status.MPI_SOURCE, bytes, operation.bytes, describe(operation.call)));
  }

  void forget(std::vector<int> indices, int completed) {
    indices.resize(completed);
    std::sort(indices.rbegin(), indices.rend());  // from the end, so that the last entry may take a gap's place
    for (const int index : indices) {
      std::swap(requests_[index], requests_.back());
      std::swap(operations_[index], operations_.back());
      requests_.pop_back();
      operations_.pop_back();
    }
  }

  void throw_if_aborted() const {
    if (aborted_) throw BrokenPort("this rank aborted");
  }

  std::atomic<bool> aborted_ = false;
  std::vector<MPI_Request> requests_;
  std::vector<Operation> operations_;  // of the request with the same index
};

/// A group of ranks: an MPI communicator of its own.
class MpiPort final : public MessagePort {
 public:
  MpiPort(std::shared_ptr<MpiProcess> process, MPI_Comm comm) : process_(std::move(process)), comm_(comm) {
    MPI_Comm_rank(comm_, &rank_);
    MPI_Comm_size(comm_, &size_);
  }
  ~MpiPort() override {
    if (comm_ != MPI_COMM_WORLD && !process_->aborted() && std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void send(int to, uint64_t tag, const Call&, std::span<const std::byte> message) override {
    process_->send(comm_, to, static_cast<int>(tag % kTags), message);
  }
  void receive(int from, uint64_t tag, const Call& call, std::span<std::byte> into, const std::shared_ptr<Arrivals>& arrivals) override {
    process_->receive(comm_, from, static_cast<int>(tag % kTags), call, into, arrivals);
  }
  void arrived(const std::shared_ptr<Arrivals>& arrivals) override { process_->arrived(arrivals); }
  void wait(const Arrivals& arrivals) override { process_->wait(arrivals); }
  std::unique_ptr<MessagePort> subset(const std::vector<int>& members, uint64_t id) override {
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group some = MPI_GROUP_NULL;
    MPI_Comm comm = MPI_COMM_NULL;
    check(MPI_Comm_group(comm_, &all), "MPI_Comm_group");
    check(MPI_Group_incl(all, static_cast<int>(members.size()), members.data(), &some), "MPI_Group_incl");
    check(MPI_Comm_create_group(comm_, some, static_cast<int>(id % kTags), &comm), "MPI_Comm_create_group");
    MPI_Group_free(&some);
    MPI_Group_free(&all);
    return std::make_unique<MpiPort>(process_, comm);
  }
  void abort() noexcept override { process_->abort(); }

 private:
  std::shared_ptr<MpiProcess> process_;
  MPI_Comm comm_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace
}  // namespace llmrun

/// The environment variable in which this MPI's launcher says the size of the world.
extern "C" const char* llmrun_mpi_size_variable() {
#ifdef OPEN_MPI
  return "OMPI_COMM_WORLD_SIZE";
#else
  return "PMI_SIZE";
#endif
}

/// The caller owns it.
extern "C" llmrun::Communicator* llmrun_make_mpi_world() {
  using namespace llmrun;
  auto port = std::make_unique<MpiPort>(std::make_shared<MpiProcess>(), MPI_COMM_WORLD);
  return make_message_communicator(std::move(port), "world", Purpose::control).release();
}
