# How an edit is written down: a line for COPY into demo.entry, columns as in tables.sql.
package Edit;

use strict;
use warnings;
use Encode ();

# Bytes as text: UTF-8, or where they are not, Latin-1. PostgreSQL has no character 0.
sub text {
	my ($bytes) = @_;
	return $bytes if $bytes !~ /[\0\x80-\xff]/;
	$bytes =~ tr/\0//d;
	return eval { Encode::decode('UTF-8', $bytes, Encode::FB_CROAK | Encode::LEAVE_SRC) } // Encode::decode('latin1', $bytes);
}

# A name as a sourceId: 1 to 64 bytes, cut between characters.
sub source {
	my ($name) = @_;
	$name =~ s/^\s+|\s+$//g;
	chop $name while length(Encode::encode('UTF-8', $name)) > 64;
	return length $name ? $name : 'unknown';
}

my @columns = qw(page position seconds source gone version distribution urgency changes closes licence);
my %escape = ("\\" => '\\\\', "\t" => '\t', "\n" => '\n', "\r" => '\r');

# Prints an edit, given as text by column; a column that is missing is null.
sub put {
	my %edit = @_;
	my @values = @edit{@columns};
	for (@values) {
		if (defined) { s/([\\\t\n\r])/$escape{$1}/g } else { $_ = '\N' }
	}
	print Encode::encode('UTF-8', join("\t", @values) . "\n");
	return;
}

1;
