# One room per dangerous thing: what only the named files may do.
use strict;
use warnings;
use Lint;

my @rooms = (
	# what                  how it looks                               where
	[ 'server versions', qr/\bPG_VERSION_NUM\b/, qr{base/compat\.h} ],
	[ 'SPI', qr/\bSPI_\w+/, qr{base/query\.c} ],
	[ 'switching the user', qr/\bSetUserIdAndSecContext\b/, qr{base/identity\.c} ],
	[ 'defining settings', qr/\bDefineCustom\w+Variable\b|\bMarkGUCPrefixReserved\b/, qr{base/guc\.c} ],
	[ 'shared memory', qr/\bShmemInitStruct\b|\bRequestAddinShmemSpace\b|\bRequestNamedLWLockTranche\b/, qr{base/shmem\.c} ],
	[ 'HTTP', qr/\bcurl_\w+\s*\(|<curl\//, qr{llm/llm_http\.c} ],
	[ 'other connections', qr/\b(socket|connect|getaddrinfo|gethostbyname)\s*\(/, qr{llm/llm_http\.c} ],
	[ 'processes', qr/\b(system|popen|execl|execv|execve|execvp|posix_spawn)\s*\(/, qr{^$} ],
	[ 'the environment', qr/\b(getenv|secure_getenv|setenv|putenv)\s*\(/, qr{llm/llm_secret\.c|vector/distance.*\.c} ],
	[ 'files of secrets', qr/\bO_NOFOLLOW\b/, qr{base/secret_file\.c} ],
	[ 'jansson', qr/<jansson\.h>/, qr{base/jansson\.h} ],
	[ 'reading with jansson, which may end the process without memory', qr/\bjson_load\w*\s*\(/, qr{base/jansson_memory\.c} ],
	[ 'json_object(), which is the server\'s', qr/\bjson_object\s*\(/, qr{^$} ],
	[ 'CPU features', qr/\bcpuid\b|__builtin_cpu_|__get_cpuid|<(imm|x86)intrin\.h>|<arm_neon\.h>|pg_attribute_target|__attribute__\s*\(\(\s*target\b/,
		qr{vector/distance\w*\.[ch]|ann/ann_kernel\w*\.[ch]} ],
	[ 'page changes', qr/\bGenericXLog\w+|\bPageSetLSN\b|\bXLogInsert\b/, qr{ann/ann_page\w*\.c} ],
	[ 'functions without a bound or with a hidden state', qr/\b(vsprintf|gets|alloca|strtok)\s*\(/, qr{^$} ],
);

foreach my $file (files('src/*/*.[ch]'))
{
	my $text = code(slurp($file));
	foreach my $room (@rooms)
	{
		my ($what, $look, $where) = @$room;
		next if $file =~ m{^src/(?:$where)$};
		while ($text =~ /$look/g)
		{
			finding($file, line_of($text, $-[0]), "$what: '$&' has another room");
		}
	}
}
