#include "client/spool.h"

#include "client/failure.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace txsync::client {

namespace {

// What stands before an entry's text.
struct Header
{
	uint32_t xid;
	uint32_t size;
};

Failure
FileFailure(const std::string &what)
{
	return Failure(ExitCode::kOther, "could not " + what + ": " + std::strerror(errno));
}

int
MakeFile()
{
	const char *folder = std::getenv("TMPDIR");
	// /tmp may be in memory, from which we flee.
	std::string name = std::string(folder != nullptr && *folder != '\0' ? folder : "/var/tmp") + "/txsync-XXXXXX";
	int fd = mkostemp(name.data(), O_CLOEXEC);
	if (fd < 0)
		throw FileFailure("make the temporary file " + name);
	unlink(name.c_str());
	return fd;
}

// Takes whole entries off the front of `bytes`; returns what is left: the beginning of one, or nothing.
std::string_view
TakeEntries(std::string_view bytes, const Spool::Take &take)
{
	Header header = {};
	while (bytes.size() >= sizeof(header)) {
		std::memcpy(&header, bytes.data(), sizeof(header));
		if (bytes.size() - sizeof(header) < header.size)
			break;
		take(header.xid, bytes.substr(sizeof(header), header.size));
		bytes.remove_prefix(sizeof(header) + header.size);
	}
	return bytes;
}

} // namespace

Spool::~Spool()
{
	if (fd_ >= 0)
		close(fd_);
}

void
Spool::Add(uint32_t xid, std::string_view text)
{
	Header header{xid, static_cast<uint32_t>(text.size())}; // a protocol message, and so a line, is below 1 GB
	memory_.append(reinterpret_cast<const char *>(&header), sizeof(header));
	memory_ += text;
}

void
Spool::Spill()
{
	if (fd_ < 0)
		fd_ = MakeFile();
	std::string_view rest = memory_;
	while (!rest.empty()) {
		ssize_t taken = pwrite(fd_, rest.data(), rest.size(), static_cast<off_t>(in_file_));
		if (taken < 0 && errno == EINTR)
			continue;
		if (taken < 0)
			throw FileFailure("write to the temporary file");
		in_file_ += static_cast<uint64_t>(taken);
		rest.remove_prefix(static_cast<size_t>(taken));
	}
	memory_ = std::string(); // clear() would keep the room
}

void
Spool::Read(const Take &take) const
{
	ReadFile(take);
	TakeEntries(memory_, take);
}

void
Spool::ReadFile(const Take &take) const
{
	static constexpr size_t kPiece = 256 * 1024;
	std::string bytes;
	uint64_t at = 0;
	while (at < in_file_) {
		size_t kept = bytes.size();
		bytes.resize(kept + kPiece);
		ssize_t read = pread(fd_, bytes.data() + kept, kPiece, static_cast<off_t>(at));
		if (read == 0)
			errno = EIO; // shorter than what we wrote
		if (read == 0 || (read < 0 && errno != EINTR))
			throw FileFailure("read the temporary file");
		bytes.resize(kept + static_cast<size_t>(std::max<ssize_t>(read, 0)));
		at += static_cast<uint64_t>(std::max<ssize_t>(read, 0));
		bytes.erase(0, bytes.size() - TakeEntries(bytes, take).size());
	}
}

} // namespace txsync::client
