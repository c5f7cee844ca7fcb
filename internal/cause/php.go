package cause

import "strings"

// What is added to files of PHP that are there already. They begin with <?php and
// their use lines, and neither may stand there twice: the lines have neither, and
// the text says which use line they need.

// laravelRoute adds routes to routes/web.php.
func laravelRoute(text, lines string) Fix {
	var uses []string
	for _, facade := range []string{"Cache", "DB", "Route"} {
		if strings.Contains(lines, facade+"::") {
			uses = append(uses, "`use Illuminate\\Support\\Facades\\"+facade+";`")
		}
	}
	return at("laravel", "routes/web.php", text+" If it isn't there yet, add "+strings.Join(uses, " and ")+" at the top of the file.", lines)
}

// laravelMiddleware adds to what bootstrap/app.php does to the middleware.
func laravelMiddleware(text, lines string) Fix {
	return inside("withMiddleware", at("laravel", "bootstrap/app.php", text+" The line belongs into the function that withMiddleware is given, `function (Middleware $middleware)`, and needs `use Illuminate\\Foundation\\Configuration\\Middleware;` at the top; new projects have both.", lines))
}

// phpFirst answers before the framework is loaded.
const phpFirst = `
// After the first line of public/index.php, before the framework is loaded.
if (parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH) === '<path>') {
    header('Content-Type: text/plain');
    echo 'ok';
    exit;
}
`
